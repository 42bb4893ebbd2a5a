"""Check of the prompt's pieces that the translation model does not know."""

from __future__ import annotations

import polars as pl

from mlc_data.checks.base import Check, CheckSection, at_most
from mlc_data.languages.by_language import ByLanguage, by_language


class UnknownCheck(CheckSection):
    """Pieces of the prompt that the model's vocabulary does not know."""

    max_share: ByLanguage = by_language(0.1)
    """Greatest share of unknown pieces, in the worst sentence (0 to 1)."""


class Unknown(Check):
    """Share of the prompt's pieces that the model's vocabulary does not know.

    ``unknown_share`` (0 to 1): share in the worst sentence; 0 where there is no sentence to translate.
    """

    name = "unknown"
    section = UnknownCheck
    scores = ("unknown_share",)
    limits = (at_most("unknown_share", "max_share"),)

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return ``unknown_share``."""
        shares = pl.col("segments").list.eval(pl.element().struct.field("unknown_share"))
        return rows.select(unknown_share=shares.list.max().fill_null(0.0))
