"""Is the variant as long as translations into its language are?"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from mlc_data.checks.base import VariantReason, at_least, at_most, within
from mlc_data.recipe.checks import LengthCheck


@dataclass(frozen=True)
class Length:
    """Characters (code points) of the variant for each character of the prompt.

    ``length_ratio`` (0 and up) has `PADDING` added to both lengths, which takes the chance out of
    very short texts and changes little in long ones.
    """

    settings: LengthCheck = field(default_factory=LengthCheck)
    reason = VariantReason.LENGTH
    scores = ("length_ratio",)
    limits = (
        at_least("length_ratio", "min_ratio"),
        at_most("length_ratio", "max_ratio"),
    )

    PADDING = 5

    @property
    def enabled(self) -> bool:
        """As the recipe says."""
        return self.settings.enabled

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """``length_ratio``."""
        text, source = (
            pl.col(name).str.strip_chars().str.len_chars() + self.PADDING
            for name in ("text", "source")
        )
        return rows.select(length_ratio=text / source)

    def passes(self) -> pl.Expr:
        """Within the language's bounds."""
        return within(self.settings, self.limits)
