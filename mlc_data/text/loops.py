"""Share of each text that consecutive repeats cover, for a column of texts at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlc_data.text.spans import words

# Emphasis and reduplication repeat once; a loop is three copies, or two of something long.
_LONGEST_WORDS = 40
_LONG_WORDS = 4
_LONGEST_CHARACTERS = 60
_LONG_CHARACTERS = 8
_LONGEST_WITHIN_WORDS = 4
_COPIES_WITHIN_WORDS = 5


def looping_share(texts: pl.Series, *, spaced: bool) -> pl.Series:
    """Return the share (0 to 1) of each text that loops cover.

    In languages with blanks between words, a loop is an n-gram of words three times in a row, of four
    or more words twice, or one to four characters five times. In others it is an n-gram of characters
    three times in a row, of eight or more twice.
    """
    folded = texts.str.to_lowercase()
    if spaced:
        lists = words(folded)
        units = lists.explode(empty_as_null=False).hash().to_numpy().view(np.int64)
        sizes = lists.list.len().to_numpy().astype(np.int64)
        by_words = _covered(units, sizes, _LONGEST_WORDS, _word_copies)
        units, sizes = _characters(folded)
        within = _covered(units, sizes, _LONGEST_WITHIN_WORDS, lambda _: _COPIES_WITHIN_WORDS)
        return pl.Series("share", np.maximum(by_words, within))
    units, sizes = _characters(folded.str.replace_all(r"\s+", ""))
    return pl.Series("share", _covered(units, sizes, _LONGEST_CHARACTERS, _character_copies))


def _word_copies(period: int) -> int:
    return 2 if period >= _LONG_WORDS else 3


def _character_copies(period: int) -> int:
    return 2 if period >= _LONG_CHARACTERS else 3


def _characters(texts: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the code points of all texts, one text after the other, and each text's number of them."""
    joined = "".join(texts.to_list()).encode("utf-32-le", "surrogatepass")
    units = np.frombuffer(joined, dtype=np.uint32).astype(np.int64)
    return units, texts.str.len_chars().to_numpy().astype(np.int64)


def _covered(
    units: NDArray[np.int64],
    sizes: NDArray[np.int64],
    longest: int,
    copies: Callable[[int], int],
) -> NDArray[np.float64]:
    """Return the share of the units of each text that repeats cover.

    Args:
        units: the units of all texts, one text after the other.
        sizes: number of units of each text.
        longest: the longest period to look for, in units.
        copies: number of copies in a row that make a period of a given length a loop.
    """
    owner = np.repeat(np.arange(len(sizes)), sizes)
    edges = np.zeros(len(units) + 1, dtype=np.int64)
    for period in range(1, min(longest, int(sizes.max(initial=0)) // 2) + 1):
        same = (units[period:] == units[:-period]) & (owner[period:] == owner[:-period])
        changes = np.flatnonzero(np.diff(same, prepend=False, append=False))
        starts, ends = changes[::2], changes[1::2]
        # n consecutive units that equal those a period later are n / period + 1 copies.
        loops = ends - starts >= (copies(period) - 1) * period
        np.add.at(edges, starts[loops], 1)
        np.add.at(edges, ends[loops] + period, -1)
    inside = np.cumsum(edges[:-1]) > 0
    covered = np.bincount(owner, weights=inside, minlength=len(sizes))
    return covered / np.maximum(sizes, 1)
