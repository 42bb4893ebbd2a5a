"""English synonyms and verbs from WordNet 3.0 (``*.txt`` here, built by ``scripts/synonyms``)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path

_ENDINGS = (
    ("s", ""), ("es", ""), ("ies", "y"), ("ing", ""), ("ing", "e"), ("ed", ""), ("d", ""),
    ("ied", "y"), ("er", ""), ("er", "e"), ("est", ""), ("ly", ""), ("'s", ""),
)  # fmt: skip
"""Endings of inflected words, and what their base form has instead."""


@cache
def _synsets() -> Mapping[str, frozenset[int]]:
    """Return the numbers of each word's synsets."""
    numbers = defaultdict(set)
    for number, line in enumerate(_lines("synonyms.txt")):
        for word in line.split():
            numbers[word].add(number)
    return {word: frozenset(found) for word, found in numbers.items()}


@cache
def verbs() -> frozenset[str]:
    """Return all English verbs in their base form."""
    return frozenset(_lines("verbs.txt"))


def _lines(name: str) -> list[str]:
    lines = (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def _bases(word: str) -> Iterator[str]:
    """Yield a word and the forms that it may be inflected from."""
    yield word
    for ending, instead in _ENDINGS:
        if word.endswith(ending) and len(word) > len(ending) + 1:
            base = word[: -len(ending)]
            yield base + instead
            if not instead and len(base) > 2 and base[-1] == base[-2]:
                yield base[:-1]


@lru_cache(maxsize=65536)
def senses(word: str) -> frozenset[int]:
    """Return the numbers of the synsets that a word, in lower case, may belong to."""
    synsets = _synsets()
    return frozenset().union(*(synsets.get(base, frozenset()) for base in _bases(word)))


def are_synonyms(word: str, other: str) -> bool:
    """Return whether two words, in lower case, share a synset in some sense."""
    return not senses(word).isdisjoint(senses(other))
