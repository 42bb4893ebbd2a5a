"""Does the variant loop?"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from mlc_data.checks.base import VariantReason, at_most, by_spacing, within
from mlc_data.recipe.checks import RepetitionCheck
from mlc_data.text.loops import looping_share


@dataclass(frozen=True)
class Repetition:
    """Share of the text that loops.

    ``repetition_share`` (0 to 1): words or characters covered by consecutive repeats (see
    `loops.looping_share`), less the same share of the prompt.
    """

    settings: RepetitionCheck = field(default_factory=RepetitionCheck)
    reason = VariantReason.REPETITION
    scores = ("repetition_share",)
    limits = (at_most("repetition_share", "max_share"),)

    @property
    def enabled(self) -> bool:
        """As the recipe says."""
        return self.settings.enabled

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """``repetition_share``."""
        looping = by_spacing(rows, lambda part, spaced: looping_share(part["text"], spaced=spaced))
        sources = rows["source"].unique()
        of_source = dict(zip(sources, looping_share(sources, spaced=True), strict=True))
        expected = pl.Series([of_source[source] for source in rows["source"]], dtype=pl.Float64)
        return (looping - expected).clip(lower_bound=0.0).to_frame(self.scores[0])

    def passes(self) -> pl.Expr:
        """At most the language's share."""
        return within(self.settings, self.limits)
