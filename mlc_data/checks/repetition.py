"""Does the variant loop?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from mlc_data.checks.base import VariantReason, each, threshold
from mlc_data.checks.spans import words
from mlc_data.languages import get_language
from mlc_data.recipe import RepetitionCheck

# A unit is a word, or a character where words are not separated by blanks. Emphasis and reduplication
# say a thing twice; a loop says it three times, or says something long twice.
_WORD_LOOP = re.compile(r"(.{1,12}?)\1{2,}|(.{4,40}?)\2+", re.DOTALL)
_CHARACTER_LOOP = re.compile(r"(.{1,20}?)\1{2,}|(.{8,60}?)\2+", re.DOTALL)
_WITHIN_WORDS = re.compile(r"(\S{1,4}?)\1{4,}")


@dataclass(frozen=True)
class Repetition:
    """Share of the text that loops.

    ``repetition_share`` (0 to 1): units covered by consecutive repeats of an n-gram of words (of
    characters, for languages without blanks; or of up to four characters within a word), less the
    same share of the prompt.
    """

    settings: RepetitionCheck = RepetitionCheck()
    reason = VariantReason.REPETITION
    scores = ("repetition_share",)

    @property
    def enabled(self) -> bool:
        """As the recipe says."""
        return self.settings.enabled

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """``repetition_share``."""
        return each(rows, ("source", "text", "language"), _excess, self.scores)

    def passes(self) -> pl.Expr:
        """At most the language's share."""
        return pl.col("repetition_share") <= threshold(self.settings.max_share)


def _excess(source: str, text: str, language: str) -> tuple[float]:
    share = looping_share(text, spaced=get_language(language).spaced)
    return (max(0.0, share - _of_source(source)) if share else 0.0,)


@lru_cache(maxsize=4096)
def _of_source(source: str) -> float:
    return looping_share(source, spaced=True)


def looping_share(text: str, *, spaced: bool) -> float:
    """Share (0 to 1) of a text that consecutive repeats of the same words or characters cover."""
    within = _covered(_WITHIN_WORDS, text)
    if not spaced:
        characters = "".join(text.casefold().split())
        return max(_covered(_CHARACTER_LOOP, characters), within)
    units = words(text)
    numbers = {word: index for index, word in enumerate(dict.fromkeys(units))}
    if len(numbers) == len(units):
        return within
    # One character for each distinct word, from a private plane: then words repeat as characters do.
    return max(
        _covered(_WORD_LOOP, "".join(chr(0xF0000 + numbers[word]) for word in units)), within
    )


def _covered(pattern: re.Pattern[str], text: str) -> float:
    if not text:
        return 0.0
    return sum(len(match.group()) for match in pattern.finditer(text)) / len(text)
