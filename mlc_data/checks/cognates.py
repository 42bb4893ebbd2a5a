"""Evidence straight between prompt and variant: names, numbers and words of common origin.

A translator back may answer a good variant with text that has nothing to do with it. Then a round trip says
nothing about the variant. But a prompt and its variant share names, numbers and loanwords, which keep their
consonants (`mlc_data.text.consonants`), and a made-up back-translation does not have them.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from mlc_data.text.consonants import consonants
from mlc_data.text.spans import without_spans, words
from mlc_data.text.vocabulary import is_ordinary

_LETTERS = 4
"""Length of the runs of consonants, the word's ends included, that are compared."""
_AS_MUCH = 0.5
"""Resemblance of variant and back-translation, relative to that of variant and prompt, from which the
back-translation belongs to the variant, right or wrong."""
_AT_ONCE = 8192
"""Distinct runs that are counted at once: limits memory."""


def evidence(sources: pl.Series, texts: pl.Series, backs: pl.Series) -> list[float]:
    """Return how much each variant resembles its prompt (0 to 1), or 0 where its back-translation resembles the
    variant half as much or more: then it was translated back, not made up.

    Addresses, placeholders and code do not count, which are copied whatever the text says; nor do ordinary English
    words that the variant has as they are: they were left in English.
    """
    listed = (words(without_spans(series)).to_list() for series in (sources, texts, backs))
    return [_evidence(*row) for row in zip(*listed, strict=True)]


def nearest(sources: pl.Series, texts: pl.Series) -> pl.Series:
    """Return for each variant how much it resembles the nearest of the other prompts (0 to 1).

    Prompts with the same text are not other prompts. Time and memory grow with the square of the rows.
    """
    own, others = (
        [_runs(each) for each in words(without_spans(series)).to_list()]
        for series in (sources, texts)
    )
    common = np.zeros((len(own), len(others)))
    distinct = sorted(frozenset().union(*own, *others))
    for start in range(0, len(distinct), _AT_ONCE):
        places = {run: i for i, run in enumerate(distinct[start : start + _AT_ONCE])}
        # Whole numbers, so that the sum is the same on every machine.
        common += _rows(own, places) @ _rows(others, places).T
    sizes = [np.array([len(runs) or 1 for runs in side]) for side in (own, others)]
    resemblance = common / np.sqrt(np.outer(*sizes))
    prompts = sources.to_numpy()
    resemblance[prompts[:, None] == prompts[None, :]] = 0.0
    return pl.Series(resemblance.max(axis=0, initial=0.0), dtype=pl.Float64)


def _evidence(source: list[str], text: list[str], back: list[str]) -> float:
    if not back:
        return 0.0  # silence is not made up
    left = {word for word in set(source) & set(text) if word.isalpha() and is_ordinary(word)}
    variant = _runs(text, left)
    found = _cosine(_runs(source, left), variant)
    return found if _cosine(_runs(back, left), variant) < _AS_MUCH * found else 0.0


def _runs(found: list[str], left: Collection[str] = ()) -> frozenset[str]:
    """Return the runs of `_LETTERS` consonants of words, the words' ends marked; a shorter word is one run."""
    skeletons = {consonants(word) for word in found if word not in left}
    return frozenset(
        f"<{each}>"[start : start + _LETTERS]
        for each in skeletons
        if each
        for start in range(max(1, len(each) + 3 - _LETTERS))
    )


def _cosine(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / math.sqrt(len(one) * len(other)) if one and other else 0.0


def _rows(sets: Sequence[frozenset[str]], places: Mapping[str, int]) -> Any:
    """Return a matrix [sets, places] of 1 where a set has the run of that place, and 0 elsewhere."""
    matrix = np.zeros((len(sets), len(places)), dtype=np.float32)
    for row, runs in enumerate(sets):
        matrix[row, [places[run] for run in runs & places.keys()]] = 1
    return matrix
