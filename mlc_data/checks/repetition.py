"""Check for loops."""

from __future__ import annotations

import polars as pl

from mlc_data.checks.base import Check, CheckSection, at_most, by_spacing
from mlc_data.languages.by_language import ByLanguage, by_language
from mlc_data.text.loops import looping_share


class RepetitionCheck(CheckSection):
    """Loops: a run of words or characters repeated on end."""

    max_share: ByLanguage = by_language(0.25)
    """Greatest share of the text (0 to 1) that consecutive repeats may make up, less the prompt's own."""


class Repetition(Check):
    """Share of the text that loops.

    ``repetition_share`` (0 to 1): words or characters covered by consecutive repeats (see
    `loops.looping_share`), less the same share of the prompt.
    """

    name = "repetition"
    section = RepetitionCheck
    scores = ("repetition_share",)
    limits = (at_most("repetition_share", "max_share", loosest=0.6),)

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return ``repetition_share``."""
        looping = by_spacing(rows, lambda part, spaced: looping_share(part["text"], spaced=spaced))
        sources = rows["source"].unique()
        shares = dict(zip(sources, looping_share(sources, spaced=True), strict=True))
        expected = pl.Series([shares[source] for source in rows["source"]], dtype=pl.Float64)
        return (looping - expected).clip(lower_bound=0.0).to_frame(self.scores[0])
