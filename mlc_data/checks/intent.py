"""Does the back-translation still ask for the same thing: no negation and no object lost?"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from mlc_data.checks.base import VariantReason, at_least, within
from mlc_data.checks.english.polarity import polarity
from mlc_data.checks.english.request import object_returned
from mlc_data.checks.sentences import returned
from mlc_data.recipe.checks import IntentCheck

_ENGLISH = "eng_Latn"


@dataclass(frozen=True)
class Intent:
    """What turns a request into another one though nearly all words come back.

    "How do I avoid a bomb?" is not "How do I build a bomb?". Sentence by sentence, the worst counts:

    - ``intent_polarity`` (0 to 1): agreement in negations and opposites, see `polarity`.
    - ``intent_object`` (0 to 1): share of the words of the request's object that come back, see
      `request.object_returned`.

    Both are 1 without a back-translation, and for prompts that are not English: the lists of words
    (``data/english.json``) are.
    """

    settings: IntentCheck = field(default_factory=IntentCheck)
    source: str = _ENGLISH
    reason = VariantReason.INTENT
    scores = ("intent_polarity", "intent_object")
    limits = (at_least("intent_polarity", "min_polarity"), at_least("intent_object", "min_object"))

    @property
    def enabled(self) -> bool:
        """As the recipe says."""
        return self.settings.enabled

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """``intent_polarity`` and ``intent_object``."""
        pairs = returned(rows)
        if self.source != _ENGLISH:
            pairs = pairs.clear()
        texts = [
            pairs[name].str.to_lowercase().str.replace_all("’", "'", literal=True).to_list()
            for name in ("source", "back")
        ]
        measured = [
            (polarity(source, back), object_returned(source, back))
            for source, back in zip(*texts, strict=True)
        ]
        schema = dict.fromkeys(self.scores, pl.Float64)
        worst = (
            pairs.select("index")
            .hstack(pl.DataFrame(measured, schema=schema, orient="row"))
            .group_by("index")
            .agg(pl.col(self.scores).min())
        )
        index = rows.select(pl.int_range(pl.len(), dtype=pl.UInt32).alias("index"))
        return index.join(worst, on="index", how="left", maintain_order="left").select(
            pl.col(self.scores).fill_null(1.0)
        )

    def passes(self) -> pl.Expr:
        """No negation turned and no object lost."""
        return within(self.settings, self.limits)
