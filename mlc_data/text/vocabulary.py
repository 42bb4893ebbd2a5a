"""Ordinary English words, and words that stay as they are in translations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

_DATA = Path(__file__).parent / "data"
ENGLISH_WORDS = _DATA / "english.txt"
"""Ordinary English words, written by scripts/english_words.py from symspellpy's dictionary (MIT)."""
SHARED_WORDS = _DATA / "shared_words.json"
"""English words that are words of other languages, too, written by scripts/shared_words.py."""

_SUFFIXES = (
    ("ies", "y"), ("ied", "y"), ("es", ""), ("es", "e"), ("s", ""), ("ed", ""), ("ed", "e"),
    ("ing", ""), ("ing", "e"), ("er", ""), ("er", "e"), ("ers", ""), ("ers", "e"), ("ly", ""),
    ("ily", "y"), ("ness", ""), ("est", ""), ("est", "e"), ("ment", ""), ("ments", ""),
)  # fmt: skip
_SHORTEST_STEM = 3
_DOUBLED = re.compile(r"([b-df-hj-np-tv-z])\1$")
_PARTS = re.compile(r"['’-]")
# What contractions are made of, besides words.
_SHORT_FORMS = (
    "a i s t d m re ve ll ain aren couldn didn doesn don hadn hasn haven isn mustn needn shouldn wasn "
    "weren won wouldn gonna wanna gotta lemme ok okay pls plz u ur im ive dont cant doesnt whats"
)
_CONTRACTED = frozenset(_SHORT_FORMS.split())


def stems(word: str) -> Iterator[str]:
    """Yield what a word may be a regular form of: ``baking`` of ``bak`` and ``bake``."""
    for suffix, ending in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) + len(ending) >= _SHORTEST_STEM:
            stem = word[: len(word) - len(suffix)]
            yield stem + ending
            if not ending and _DOUBLED.search(stem):
                yield stem[:-1]


def _read(path: Path) -> frozenset[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in line.split())


TERMS = _read(_DATA / "terms.txt")
"""Words that are names of products, techniques, substances or brands, whatever else they mean."""
_WORDS = _read(ENGLISH_WORDS) - TERMS


@lru_cache(maxsize=65536)
def is_ordinary(word: str) -> bool:
    """Return whether a word (lower case) is ordinary English, all of its parts if it has several."""
    return all(_known(part) for part in _PARTS.split(word) if part)


def _known(word: str) -> bool:
    if word in TERMS:
        return False
    if word in _WORDS or word in _CONTRACTED:
        return True
    return any(stem in _WORDS for stem in stems(word))
