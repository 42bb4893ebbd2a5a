"""Did the model know the words of the prompt?"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from mlc_data.checks.base import VariantReason, at_most, within
from mlc_data.recipe.checks import UnknownCheck


@dataclass(frozen=True)
class Unknown:
    """Share of the prompt's pieces that the model's vocabulary does not know.

    ``unknown_share`` (0 to 1): of the worst sentence; 0 where there is no sentence to translate.
    """

    settings: UnknownCheck = field(default_factory=UnknownCheck)
    reason = VariantReason.UNKNOWN
    scores = ("unknown_share",)
    limits = (at_most("unknown_share", "max_share"),)

    @property
    def enabled(self) -> bool:
        """As the recipe says."""
        return self.settings.enabled

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """``unknown_share``."""
        shares = pl.col("segments").list.eval(pl.element().struct.field("unknown_share"))
        return rows.select(unknown_share=shares.list.max().fill_null(0.0))

    def passes(self) -> pl.Expr:
        """At most the language's share."""
        return within(self.settings, self.limits)
