"""Check for loops, and for what is said again."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from mlc_data.checks.base import Check, CheckSection, at_most, by_spacing
from mlc_data.languages.by_language import ByLanguage, by_language
from mlc_data.text.loops import looping_share
from mlc_data.text.said_again import said_again_share


class RepetitionCheck(CheckSection):
    """Loops, a run of words or characters repeated on end, and sentences that are said again."""

    max_share: ByLanguage = by_language(0.25)
    """Greatest share of the text (0 to 1) that repeats may make up, less the prompt's own."""


class Repetition(Check):
    """Share of the text that loops, or is said again.

    ``repetition_share`` (0 to 1): words or characters covered by consecutive repeats (see
    `loops.looping_share`) or by what is said more than once (see `said_again.said_again_share`),
    whichever is more, less the same share of the prompt.
    """

    name = "repetition"
    version: ClassVar[int] = 2
    section = RepetitionCheck
    scores = ("repetition_share",)
    limits = (at_most("repetition_share", "max_share", loosest=0.6),)

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return ``repetition_share``."""
        repeated = by_spacing(rows, lambda part, spaced: _share(part["text"], spaced=spaced))
        sources = rows["source"].unique()
        shares = dict(zip(sources, _share(sources, spaced=True), strict=True))
        expected = pl.Series([shares[source] for source in rows["source"]], dtype=pl.Float64)
        return (repeated - expected).clip(lower_bound=0.0).to_frame(self.scores[0])


def _share(texts: pl.Series, *, spaced: bool) -> pl.Series:
    """Return the share (0 to 1) of each text that repeats make up."""
    again = pl.Series([said_again_share(text, spaced=spaced) for text in texts], dtype=pl.Float64)
    looping = looping_share(texts, spaced=spaced)
    return again.zip_with(again > looping, looping)
