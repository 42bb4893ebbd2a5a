"""Negations and opposites of two English sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from mlc_data.checks.english.words import WORDS

_NEUTRAL = re.compile("|".join(WORDS["neutral"]))
_CUE = re.compile(rf"n't\b|\b(?:{'|'.join(WORDS['negations'])})")
_WEAK = re.compile(rf"\b(?:{'|'.join(WORDS['weak'])})")
_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_UNDOABLE = frozenset({"n't", "not", "cannot", "never"})
_NOT_UNDOING = frozenset({"n't", "not", "cannot", "never", "no", "neither", "none"})
_NEAR = 3
"""A negation is undone by one of another kind that begins at most so many words after it began: "not
at all impossible"."""

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
    """``text`` is without idioms that only look like negations; ``cues`` are where negations begin,
    each with its word; ``weak`` counts the doubtful ones; ``sides`` has by number of a pair of
    opposites the word of each side."""

    text: str
    cues: tuple[tuple[int, str], ...]
    weak: int
    words: frozenset[str]
    sides: Mapping[int, Mapping[int, str]]


@lru_cache(maxsize=8192)
def _read(text: str) -> _Sentence:
    plain = _NEUTRAL.sub(" ", text) if _CUE.search(text) else text
    words = frozenset(_WORD.findall(plain))
    sides: dict[int, dict[int, str]] = {}
    for word in sorted(words & _SIDES.keys()):
        number, side = _SIDES[word]
        sides.setdefault(number, {})[side] = word
    cues = tuple((match.start(), match.group()) for match in _CUE.finditer(plain))
    return _Sentence(plain, cues, len(_WEAK.findall(plain)), words, sides)


def polarity(source: str, back: str) -> float:
    """Agreement (0 to 1) of the negations of two sentences: 1 if both have as many, 0 if one more is in
    one of them.

    Counted are words that negate ("not", "without") or keep something from being ("avoid", "stop");
    half as much counts what may be said without ("instead of", "against"). A word whose opposite has
    come back in its place ("illegal", "legal"; "buy", "sell") counts as one negation. Two close
    together are none ("not impossible"). From three on, one more or less is not all.

    Args:
        source: lower case, straight apostrophes.
        back: the same.
    """
    one, other = _read(source), _read(back)
    turned = sorted(_turned(one, other))
    if not (one.cues or other.cues or turned) and one.weak == other.weak:
        return 1.0
    ours = _count(one, turned) + one.weak / 2
    theirs = _count(other, ()) + other.weak / 2
    room = max(1.0, max(ours, theirs) - 1)
    return max(0.0, 1 - abs(ours - theirs) / room)


def _turned(one: _Sentence, other: _Sentence) -> Iterator[str]:
    """Words of the first sentence whose opposite is in the other."""
    for number, sides in one.sides.items():
        there = other.sides.get(number, {})
        if len(sides) == len(there) == 1 and sides.keys() != there.keys():
            yield next(iter(sides.values()))
    for lost, new, ours in (
        (one.words - other.words, other.words, True),
        (other.words - one.words, one.words, False),
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
                yield word if ours else match.group(1)


def _count(sentence: _Sentence, turned: Iterable[str]) -> int:
    """Negations that are not undone by one that follows closely."""
    cues = dict(sentence.cues)
    for word in turned:
        cues.setdefault(max(0, sentence.text.find(word)), word)
    count, before = 0, -1
    for place in sorted(cues):
        near = before >= 0 and len(_WORD.findall(sentence.text[before:place])) <= _NEAR
        if near and cues[before] in _UNDOABLE and cues[place] not in _NOT_UNDOING:
            count, before = count - 1, -1
        else:
            count, before = count + 1, place
    return count
