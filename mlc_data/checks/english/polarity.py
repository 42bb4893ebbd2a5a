"""Negations and opposites of two English sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from mlc_data.checks.english.synonyms import are_synonyms
from mlc_data.checks.english.words import WORDS

_NEUTRAL = re.compile("|".join(WORDS["neutral"]))
_CUE = re.compile(rf"n't\b|\b(?:{'|'.join(WORDS['negations'])})")
_WEAK = re.compile(rf"\b(?:{'|'.join(WORDS['weak'])})")
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_APART = re.compile(r"(?<=n) ' ?t\b")
"""End of a contraction that a tokeniser set apart: "didn 't"."""
_UNDOABLE = frozenset({"n't", "not", "cannot", "never"})
_NOT_UNDOING = frozenset({"n't", "not", "cannot", "never", "no", "neither", "none"})
_NEAR = 3
"""A negation is undone by one of another kind that begins at most this many words later: "not at all
impossible"."""

_SIDES = {
    word: (number, side)
    for number, line in enumerate(WORDS["opposites"])
    for side, group in enumerate(line.split("|"))
    for word in group.split()
}
_PREFIXED = re.compile(r"(?:un|in|im|il|ir|dis|non-?)(\w{4,})")
_NOT_PREFIXED = tuple(WORDS["not_opposites"])


@dataclass(frozen=True, slots=True)
class _Sentence:
    """A sentence with its negations and opposites.

    Attributes:
        text: the sentence, with or without idioms that only look like negations.
        cues: positions where negations begin, each with its word.
        weak: number of doubtful negations.
        words: the distinct words.
        sides: word of each side, by number of a pair of opposites.
    """

    text: str
    cues: tuple[tuple[int, str], ...]
    weak: int
    words: frozenset[str]
    sides: Mapping[int, Mapping[int, str]]


def _readings(text: str) -> list[_Sentence]:
    """Return a sentence without idioms that only look like negations, and, if it has any, as it stands."""
    text = _APART.sub("'t", text)
    plain = _NEUTRAL.sub(" ", text) if _CUE.search(text) else text
    return [_read(each) for each in dict.fromkeys((plain, text))]


@lru_cache(maxsize=8192)
def _read(plain: str) -> _Sentence:
    words = frozenset(_WORD.findall(plain))
    sides: dict[int, dict[int, str]] = {}
    for word in sorted(words & _SIDES.keys()):
        number, side = _SIDES[word]
        sides.setdefault(number, {})[side] = word
    cues = tuple((match.start(), match.group()) for match in _CUE.finditer(plain))
    return _Sentence(plain, cues, len(_WEAK.findall(plain)), words, sides)


def polarity(source: str, back: str) -> float:
    """Return the agreement (0 to 1) of the negations of two sentences: 1 if both have the same number.

    Words that negate ("not", "without") or prevent ("avoid", "stop") count 1; phrases that a translation
    may leave out ("instead of", "against") count 0.5. A word whose opposite came back in its place
    ("illegal", "legal"; "buy", "sell") counts as one negation. Two close together cancel each other
    ("not impossible"). A word with a synonym on the other side that is no negation ("stop", "halt") does
    not count. With up to two negations a difference of one gives 0; with more it weighs less. An idiom ("I
    can't wait") may come back literally or not ("I can hardly wait"): the better reading counts.

    Args:
        source: lower case, straight apostrophes.
        back: the same.
    """
    pairs = product(_readings(source), _readings(back))
    return max(_agreement(asked, returned) for asked, returned in pairs)


def _agreement(asked: _Sentence, returned: _Sentence) -> float:
    """Return the agreement (0 to 1) of two sentences, each in one reading."""
    reversed_ = sorted(_reversed(asked, returned))
    if not (asked.cues or returned.cues or reversed_) and asked.weak == returned.weak:
        return 1.0
    before = _count(asked, reversed_, returned) + asked.weak / 2
    after = _count(returned, (), asked) + returned.weak / 2
    scale = max(1.0, max(before, after) - 1)
    return max(0.0, 1 - abs(before - after) / scale)


def _reversed(sentence: _Sentence, other: _Sentence) -> Iterator[str]:
    """Yield words of a sentence whose opposite is in the other."""
    for number, sides in sentence.sides.items():
        others = other.sides.get(number, {})
        if len(sides) == len(others) == 1 and sides.keys() != others.keys():
            yield next(iter(sides.values()))
    for lost, new, is_first in (
        (sentence.words - other.words, other.words, True),
        (other.words - sentence.words, sentence.words, False),
    ):
        for word in lost:
            match = _PREFIXED.fullmatch(word)
            if (
                match
                and match.group(1) in new
                and word not in _SIDES
                and not word.startswith(_NOT_PREFIXED)
                and not _CUE.fullmatch(word)
            ):
                yield word if is_first else match.group(1)


def _has_synonym(cue: str, sentence: _Sentence, other: _Sentence) -> bool:
    """Return whether a cue of a sentence came back as a synonym that is no cue itself."""
    if cue in other.words:
        return False
    cues = frozenset(word for _, each in other.cues for word in _WORD.findall(each))
    return any(are_synonyms(cue, word) for word in other.words - sentence.words - cues)


def _count(sentence: _Sentence, reversed_: Iterable[str], other: _Sentence) -> int:
    """Return the number of negations without a synonym in the other sentence and not undone by one
    that follows closely."""
    cues = {place: cue for place, cue in sentence.cues if not _has_synonym(cue, sentence, other)}
    for word in reversed_:
        cues.setdefault(max(0, sentence.text.find(word)), word)
    count, before = 0, -1
    for place in sorted(cues):
        near = before >= 0 and len(_WORD.findall(sentence.text[before:place])) <= _NEAR
        if near and cues[before] in _UNDOABLE and cues[place] not in _NOT_UNDOING:
            count, before = count - 1, -1
        else:
            count, before = count + 1, place
    return count
