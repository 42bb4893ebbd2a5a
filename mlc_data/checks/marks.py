"""Residue of models and converters in a text: control tokens, language codes, entities, escapes, lead-ins."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

from mlc_data.languages.flores import all_languages, get_language
from mlc_data.text.mojibake import mojibake

_LEAD_INS: dict[str, list[str]] = json.loads(
    (Path(__file__).parent / "data" / "lead_ins.json").read_text(encoding="utf-8")
)
_TOKENS = "s|unk|pad|bos|eos|eot|sep|cls|mask|blank|oov|lang|start|end|sos|usr|sys|inst"
# Kinds of marks that good text does not have in any language. Counted one by one: a prompt about
# HTML entities excuses entities, and nothing else.
_KINDS = {
    "unknown": r"⁇|\ufffd|[\ue000-\uf8ff\ufff0-\ufff8\ufffe\uffff]",
    "token": rf"(?i:</?(?:{_TOKENS})/?>|\[/?(?:{_TOKENS})\])|<\|[^<>|\n]{{1,40}}\|?>|<extra_id_\d+>"
    r"|<unused\d+>|<0x[0-9A-Fa-f]{2}>|<2[a-z]{2,3}(?:_[A-Za-z]+)?>|<end_of_turn>|<start_of_turn>",
    "code": r"\b[a-z]{3}_[A-Z][a-z]{3}\b|\b[a-z]{2}_[A-Z]{2}\b|__[a-z]{2,3}(?:_[A-Za-z]{2,4})?__"
    r"|>>\s?[a-z]{2,3}(?:_[A-Za-z]{2,4})?\s?<<|<[a-z]{2,3}_[A-Za-z]{2,4}>|<<?lang[:=][^<>]{1,20}>?>",
    "piece": r"▁|@@(?= |$)|@-@|(?<!\S)##(?=\w)|[ĠĊ](?=[A-Za-z]{2})",
    "entity": r"&(?:#[0-9]{2,6}|#[xX][0-9A-Fa-f]{2,6}|[a-zA-Z]{2,8}[0-9]{0,2});",
    "escape": r"\\u\{?[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|\\[nrt\"'/]"
    r"|(?:%[C-Fc-f][0-9A-Fa-f]%[89ABab][0-9A-Fa-f])+|\bU\+[0-9A-F]{4}\b|=[C-F][0-9A-F]=[89AB][0-9A-F]",
    "structure": r"^\s*[\[{]\s*[\"'][\w ]{1,30}[\"']\s*[:,]|^\s*```|</?(?:translation|output|text|target|source)>",
    "control": r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]",
    "lost": r"(?<=[a-zà-ÿа-я])\?(?=[a-zà-ÿа-я])|\?{4,}",
}
_MALTESE = "mlt_Latn"
_WITHOUT_DOTS = {"piece": r"▁|@@(?= |$)|@-@|(?<!\S)##(?=\w)"}
"""Maltese writes the letters that byte-level tokenizers put before a word."""
_COMPILED = {kind: re.compile(pattern, re.MULTILINE) for kind, pattern in _KINDS.items()}
_MALTESE_COMPILED = _COMPILED | {kind: re.compile(p) for kind, p in _WITHOUT_DOTS.items()}

_JOINERS = "\u200c\u200d"
_DIRECTIONS = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_BREAKS = "\u200b\u2060\ufeff\u00ad\u180e"
_JOINED = frozenset(
    [
        "Arab",
        "Deva",
        "Beng",
        "Gujr",
        "Guru",
        "Orya",
        "Taml",
        "Telu",
        "Knda",
        "Mlym",
        "Sinh",
        "Khmr",
        "Mymr",
        "Laoo",
        "Tibt",
        "Thai",
        "Olck",
        "Mtei",
        "Nkoo",
    ]
)
_BROKEN = frozenset(["Khmr", "Mymr", "Laoo", "Thai", "Tibt", "Jpan"])
_RIGHT_TO_LEFT = frozenset({"Arab", "Hebr"})
_EMOJI_JOINER = re.compile("(?<=[\u2600-\u27bf\ufe0f\U0001f000-\U0001faff])\u200d")

_TRANSLATION = re.compile(
    r"(?:^|[\n.!。！(])[^\n:：.!。！]{0,50}(?<!\w)(?:" + "|".join(_LEAD_INS["translation"])
    + r")[^\n:：.!?。！？]{0,40}[:：]", re.IGNORECASE
)  # fmt: skip
_OPENING = re.compile(r"^\W{0,3}(?:" + "|".join(_LEAD_INS["openings"]) + ")", re.IGNORECASE)
_SPEAKER = re.compile(r"(?:^|\n)\W{0,3}(?:" + "|".join(_LEAD_INS["speakers"]) + ")", re.IGNORECASE)
_NAMED = re.compile(
    r"^\W{0,3}(?:(?:in|en|auf|em|på|на|по|po|w|v|in het|ใน|kwa|bi|bằng)[ -])?(?:"
    + "|".join((*_LEAD_INS["languages"], *sorted({re.escape(one.name.split(" (")[0]) for one in all_languages()})))
    + r")\W{0,2}[:：]", re.IGNORECASE
)  # fmt: skip
_OF_TRANSLATION = re.compile(r"translat|interpret", re.IGNORECASE)
_COLON = re.compile(r"^.{0,120}?[:：]", re.DOTALL)


def residue(text: str, source: str, language: str) -> int:
    """Return the number of marks of residue that a text has beyond those of its prompt.

    Args:
        text: a translation.
        source: the prompt, in English for lead-ins ("Here is the translation:").
        language: FLORES-200 code of the translation.
    """
    kinds = _MALTESE_COMPILED if language == _MALTESE else _COMPILED
    found = 0
    for kind in kinds.values():
        if marks := len(kind.findall(text)):
            found += max(0, marks - len(kind.findall(source)))
    script = get_language(language).script
    if broken := mojibake(text, script):
        found += max(0, broken - mojibake(source))
    return (
        found
        + _invisible(text, source, script)
        + _lead_ins(text, source)
        + _tag(text, source, language)
    )


def _invisible(text: str, source: str, script: str) -> int:
    """Return the number of invisible characters that the script has no use for, beyond the prompt's."""
    if text.isascii():
        return 0
    pattern = _unused(script)
    marks = len(pattern.findall(_EMOJI_JOINER.sub("", text)))
    return max(0, marks - len(pattern.findall(_EMOJI_JOINER.sub("", source)))) if marks else 0


@cache
def _unused(script: str) -> re.Pattern[str]:
    kept = (
        (_JOINERS if script not in _JOINED else ""),
        (_DIRECTIONS if script not in _RIGHT_TO_LEFT else ""),
        (_BREAKS if script not in _BROKEN else "\ufeff"),
    )
    return re.compile(f"[{''.join(kept)}]")


def _lead_ins(text: str, source: str) -> int:
    """Return how many lead-ins of an assistant the text has: "Here is the translation:"."""
    found = 0
    if _TRANSLATION.search(text) and not _OF_TRANSLATION.search(source):
        found += 1
    for pattern in (_OPENING, _NAMED):
        if pattern.search(text) and not pattern.search(source) and not _COLON.search(source):
            found += 1
    found += max(0, len(_SPEAKER.findall(text)) - len(_SPEAKER.findall(source)) - source.count(":"))
    return found


def _tag(text: str, source: str, language: str) -> int:
    """Return 1 if the text begins or ends with a bare code of its language: ``es ¿Cómo ...``."""
    begins, ends = _tags(language)
    if not source[:1].isupper():
        return 0
    return int(bool(begins.search(text) or ends.search(text)))


@cache
def _tags(language: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return the patterns that begin and that end with a code of a language or of English."""
    known = get_language(language)
    codes = {
        known.code,
        known.code.partition("_")[0],
        known.bcp47.partition("-")[0],
        known.bcp47,
        "eng",
        "en",
    }
    either = "|".join(sorted(map(re.escape, codes), key=len, reverse=True))
    # A capital follows, so that "es" is no verb.
    begins = rf"^(?:{either})\s?[:|>\]-]?\s+(?=[^\W\d_a-zà-ÿ]|[¿¡\"«“(])|^[\[(<](?:{either})[\])>]"
    ends = rf"[.!?。！？।۔؟]\s+(?:{either})$|[\[(<](?:{either})[\])>]$"
    return re.compile(begins), re.compile(ends)
