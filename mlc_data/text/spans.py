"""Words of texts, and parts that a translation keeps unchanged: addresses, placeholders, code, names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

import polars as pl

from mlc_data.text.span_patterns import HINT, find, find_soft
from mlc_data.text.vocabulary import is_ordinary

_NAME_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_SENTENCE_START = re.compile(r"(?:^|[.!?:;\n•–—-])[\s\"'“‘«(\[]*$")
_POSSESSIVE = re.compile(r"['’]s?$")
_MOSTLY = 0.5
_DOTTED_AFTER = re.compile(r"\.[a-z]{2,4}\b(?!\.)")
_DOTTED_BEFORE = re.compile(r"\w\.$")
_LONGEST_ENDING = 4
_LEAST_ENGLISH = 0.2
_FEW = 4
_SHORTEST_EMPHASIS = 4
_ACRONYMS = frozenset({"AIDS", "FAST", "MASH", "RAID", "SALT", "WASP"})

_WORD = r"[\p{L}\p{M}\p{N}]+(?:['’\x{00AD}\x{200C}\x{200D}-][\p{L}\p{M}\p{N}]+)*"
_UNSPACED_WORD = r"\p{Latin}+(?:['’]\p{Latin}+)?|\p{L}"


def spans(text: str) -> list[str]:
    """Return addresses, placeholders, markup, code and emoji of a text, in order, with repetitions."""
    return [text[start:end] for start, end, _ in find(text)]


def soft_spans(text: str) -> list[str]:
    """Return words in brackets that may be translated but must not vanish: [Your Name], [WARNING]."""
    return [text[start:end] for start, end in find_soft(text)]


def only_spans(text: str) -> bool:
    """Return whether a text has no letter outside its `spans`: nothing in it can be translated."""
    return not any(character.isalpha() for character in without_spans_in(text))


def without_spans(texts: pl.Series) -> pl.Series:
    """Return the texts with a blank in place of each of their `spans`."""
    may_have = texts.str.contains(HINT)
    if not may_have.any():
        return texts
    changed = [without_spans_in(text) for text in texts.filter(may_have)]
    return texts.clone().scatter(may_have.arg_true(), changed)


def without_spans_in(text: str) -> str:
    """Return a single text with a blank in place of each of its `spans`."""
    parts, place = [], 0
    for start, end, _ in find(text):
        parts += [text[place:start], " "]
        place = end
    return "".join([*parts, text[place:]])


def words(texts: pl.Series, *, spaced: bool = True) -> pl.Series:
    """Return the words of each text, in lower case, without punctuation (List of String).

    Without blanks between words (``spaced=False``), every letter that is not Latin counts as a word.
    """
    return texts.str.to_lowercase().str.extract_all(_WORD if spaced else _UNSPACED_WORD)


def names(sources: pl.Series) -> pl.Series:
    """Return the words of each prompt that look like names (List of String, lower case, distinct).

    By case: `NATO`, `iPhone`, `Berlin` within a sentence, but not `PLEASE`; in a prompt whose words are
    mostly capitalised, as in headlines, case means nothing. By vocabulary, in English: words that are not ordinary ones
    (`pynput`, `keylogger`, `python`), however they are written.
    """
    distinct = sources.rename("source").unique()
    names_of = pl.Series("names", [_names(source) for source in distinct], dtype=pl.List(pl.String))
    return (
        sources.to_frame("source")
        .join(pl.DataFrame([distinct, names_of]), on="source", how="left", maintain_order="left")
        .get_column("names")
    )


@lru_cache(maxsize=4096)
def _names(source: str) -> list[str]:
    text = without_spans_in(source)
    matches = list(_NAME_WORD.finditer(text))
    by_case = [match.group() for match in matches if _is_name(match, text)]
    if len(by_case) > _MOSTLY * len(matches):
        by_case = []
    by_case = [word for word in by_case if not _is_emphasis(word)]
    found = {_POSSESSIVE.sub("", word.lower()) for word in (*by_case, *_no_ordinary_words(matches))}
    parts = {
        part for word in found if "-" in word for part in (*word.split("-"), word.replace("-", ""))
    }
    return sorted(found | parts)


def _no_ordinary_words(matches: Sequence[re.Match[str]]) -> list[str]:
    """Return the words that are no ordinary English; none of a text that is not English."""
    found = [
        match.group()
        for match in matches
        if not is_ordinary(match.group().lower()) or _is_dotted(match)
    ]
    english = len(matches) - len(found)
    return found if english >= _LEAST_ENGLISH * len(matches) or len(matches) <= _FEW else []


def _is_dotted(match: re.Match[str]) -> bool:
    """Return whether a word is a part of a dotted name: ``next.js``."""
    return bool(
        _DOTTED_AFTER.match(match.string, match.end())
        or (
            len(match[0]) <= _LONGEST_ENDING
            and _DOTTED_BEFORE.search(match.string[: match.start()])
        )
    )


def _is_emphasis(word: str) -> bool:
    """Return whether an ordinary English word is in capitals for its weight: PLEASE help me."""
    return (
        len(word) >= _SHORTEST_EMPHASIS
        and word.isupper()
        and word not in _ACRONYMS
        and is_ordinary(word.lower())
    )


def _is_name(match: re.Match[str], text: str) -> bool:
    word = match.group()
    if any(character.isupper() for character in word[1:]):
        return True
    if not word[0].isupper() or word == "I" or word.startswith(("I'", "I’")):
        return False
    return not _SENTENCE_START.search(text[max(0, match.start() - 8) : match.start()])
