"""Replies of a language model that was asked to translate: translation, refusal, answer, or commentary."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from mlc_data.core.records import FailureReason
from mlc_data.languages.flores import get_language
from mlc_data.languages.lead_ins import lead_ins
from mlc_data.text.reasoning import without_reasoning
from mlc_data.text.refusals import ASSISTANTS, DECLINES, ENGLISH, INABILITY, REFUSALS

_FENCE = re.compile(r"\A```[\w-]*\n(.*?)\n?```\Z", re.DOTALL)
_QUOTES = tuple(tuple(pair) for pair in ('""', "“”", "„“", "„”", "«»", "「」", "『』", "''", "‘’"))
_NOTE = re.compile(
    r"(?:^|\n)\W{0,4}(?:note|notes|explanation|literally|alternatively|translator's note|p\.s\.|i hope|let me know|"
    r"nota|remarque|hinweis|anmerkung|примечание|注(?:意|释|釋|記)?|備考|참고|ملاحظة|नोट|kumbuka)\W{0,3}[:：\s]",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_ENGLISH_WORDS = frozenset(
    [
        "the",
        "a",
        "an",
        "of",
        "to",
        "in",
        "is",
        "are",
        "was",
        "be",
        "and",
        "or",
        "that",
        "this",
        "it",
        "you",
        "your",
        "i",
        "my",
        "me",
        "we",
        "they",
        "he",
        "she",
        "for",
        "with",
        "on",
        "at",
        "by",
        "from",
        "as",
        "do",
        "does",
        "did",
        "can",
        "could",
        "should",
        "would",
        "will",
        "not",
        "have",
        "has",
        "if",
        "so",
        "but",
        "how",
        "what",
        "which",
        "who",
        "when",
        "where",
        "why",
        "there",
        "here",
    ]
)
_MOSTLY_ENGLISH = (
    0.3  # share of English function words from which a text in Latin script is English
)
_FOREIGN = 0.25  # least share of letters in the script of a language that has its own
_TIMES, _MORE = 3.0, 60
"""A translation has at most so many times the characters of its source, and so many more."""
_BOTH = 12
"""Characters of a source from which its repetition in a reply shows that the reply has both."""


def read_reply(
    reply: str, source: str, language: str, target: str
) -> tuple[str | None, FailureReason | None]:
    """Return the translation in a reply, or why there is none.

    Reasoning, and a code fence or quotation marks around the whole that the source does not have, are taken off. What
    else is added is not cut out: a sentence that is cut wrongly looks like a translation.

    Args:
        reply: the model's text.
        source: the text that it was to translate.
        language: of the source (FLORES-200 code).
        target: FLORES-200 code.
    """
    text = _bare(reply, source)
    if not text:
        return None, FailureReason.EMPTY_OUTPUT
    if _declines(text, source, language, target):
        return None, FailureReason.DECLINED
    if _has_commentary(text, source):
        return None, FailureReason.COMMENTARY
    if _is_answer(text, source, language, target):
        return None, FailureReason.ANSWERED
    return text, None


def _bare(reply: str, source: str) -> str:
    text = without_reasoning(reply).strip()
    if "```" not in source and (fenced := _FENCE.match(text)):
        text = fenced[1].strip()
    for opening, closing in _QUOTES:
        inner = text[1:-1]
        if (
            len(text) > 2
            and text[0] == opening
            and text[-1] == closing
            and not source.strip().startswith(opening)
            and not (opening in inner or closing in inner)
        ):
            return inner.strip()
    return text


def _declines(text: str, source: str, language: str, target: str) -> bool:
    plain, own = _plain(text), _plain(source)
    for code in dict.fromkeys((target, ENGLISH)):
        for table in (REFUSALS, ASSISTANTS):
            pattern = table.get(code)
            if pattern and re.search(pattern, plain) and not _in_source(table, own, language):
                return True
        pattern = DECLINES.get(code)
        if pattern and re.search(pattern, plain) and not re.search(INABILITY, own):
            return True
    return False


def _in_source(table: Mapping[str, str], own: str, language: str) -> bool:
    pattern = table.get(language)
    return bool(pattern and re.search(pattern, own))


def _plain(text: str) -> str:
    normal = unicodedata.normalize("NFC", text).lower().replace("’", "'").replace("\uff0c", ",")
    return re.sub(r"\s+", " ", normal)


def _has_commentary(text: str, source: str) -> bool:
    if lead_ins(text, source):
        return True
    if _NOTE.search(text) and not _NOTE.search(source):
        return True
    if "\n" in text and "\n" not in source.strip():
        return True
    repeated = source.strip()
    return len(repeated) >= _BOTH and repeated in text and text != repeated


def _is_answer(text: str, source: str, language: str, target: str) -> bool:
    if len(text) > _TIMES * len(source) + _MORE:
        return True
    if text == source.strip():
        return False  # names and code: the check `copied` judges those
    own, other = get_language(target).script, get_language(language).script
    letters = [letter for letter in text if letter.isalpha()]
    if own != other:
        foreign = sum(not _is_latin(letter) for letter in letters) if own != "Latn" else 0
        latin = sum(map(_is_latin, letters))
        share = (foreign if own != "Latn" else latin) / max(1, len(letters))
        return len(letters) >= _BOTH and share < _FOREIGN
    words = [word.lower() for word in _WORD.findall(text)]
    english = sum(word in _ENGLISH_WORDS for word in words)
    return language == ENGLISH and len(words) >= 4 and english >= _MOSTLY_ENGLISH * len(words)


def _is_latin(letter: str) -> bool:
    return "LATIN" in unicodedata.name(letter, "")
