"""Were words of the user's lists made up or lost?"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from mlc_data.checks.base import VariantReason, at_most, within
from mlc_data.checks.word_lists import WordList
from mlc_data.recipe.checks import ToxicityCheck


@dataclass(frozen=True)
class Toxicity:
    """Listed words of the variant against those of the prompt.

    - ``toxicity_added`` (0 and up): listed words of the variant, if the prompt has none.
    - ``toxicity_lost`` (0 or 1): the prompt has listed words and the variant has none.

    Both are 0 in languages without a list. ``source`` is the language of the prompts.
    """

    settings: ToxicityCheck = field(default_factory=ToxicityCheck)
    source: str = "eng_Latn"
    lists: tuple[WordList, ...] = ()
    reason = VariantReason.TOXICITY
    scores = ("toxicity_added", "toxicity_lost")
    limits = (
        at_most("toxicity_added", "max_added"),
        at_most("toxicity_lost", "max_lost"),
    )

    @property
    def enabled(self) -> bool:
        """As the recipe says."""
        return self.settings.enabled

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """``toxicity_added`` and ``toxicity_lost``."""
        by_code = {one.language: one for one in self.lists}
        parts = [pl.DataFrame(schema={"row": pl.UInt32, "own": pl.UInt32, "prompt": pl.UInt32})]
        for code in rows["language"].unique().sort():
            if code in by_code and self.source in by_code:
                some = rows.with_row_index("row").filter(pl.col("language") == code)
                own = by_code[code].count(some["text"]).cast(pl.UInt32)
                prompt = by_code[self.source].count(some["source"]).cast(pl.UInt32)
                parts.append(pl.DataFrame({"row": some["row"], "own": own, "prompt": prompt}))
        counts = rows.with_row_index("row").select("row")
        counted = counts.join(pl.concat(parts), on="row", how="left", maintain_order="left")
        there, wanted = pl.col("own").fill_null(0), pl.col("prompt").fill_null(0)
        return counted.select(
            toxicity_added=pl.when(wanted == 0).then(there).otherwise(0).cast(pl.Float64),
            toxicity_lost=((wanted > 0) & (there == 0)).cast(pl.Float64),
        )

    def passes(self) -> pl.Expr:
        """No more added and lost than the language may have."""
        return within(self.settings, self.limits)
