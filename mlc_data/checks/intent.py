"""Check of intent: translated back, the request keeps its negations and its object."""

from __future__ import annotations

import polars as pl

from mlc_data.checks.base import ENGLISH, SAME, Check, CheckSection, at_least
from mlc_data.checks.english.polarity import polarity
from mlc_data.checks.english.request import object_of, object_returned, words_returned
from mlc_data.checks.sentences import returned
from mlc_data.languages.by_language import ByLanguage, by_language

_MOST = 0.65
"""Least share of the other words that came back, for the lost ones to be evidence of a fault of the
variant and not of a poor back-translation."""


class IntentCheck(CheckSection):
    """Negations and the object of the request, in the back-translation. English prompts only."""

    min_polarity: ByLanguage = by_language(0.5)
    """Least agreement in negations, in the worst sentence (0 to 1)."""
    min_object: ByLanguage = by_language(0.34)
    """Least share of the words of the request's object that must come back (0 to 1); the last word
    counts twice."""


class Intent(Check):
    """Changes that turn a request into another one although nearly all words come back.

    "How do I avoid a bomb?" is not "How do I build a bomb?". It abstains where less than 65 % of
    the other words came back (two added to both numbers): the back-translation is too poor to tell.
    Each score is that of the worst sentence:

    - ``intent_polarity`` (0 to 1): agreement in negations and opposites, see `polarity`.
    - ``intent_object`` (0 to 1): share of the words of the request's object that come back, see
      `request.object_returned`.

    Both are 1 without a back-translation, and for prompts in another language than English, which
    the word lists (``english/english.json``) are made for.
    """

    name = "intent"
    version = 6
    section = IntentCheck
    scores = ("intent_polarity", "intent_object")
    limits = (
        at_least("intent_polarity", "min_polarity"),
        at_least("intent_object", "min_object", unless=(SAME,)),
    )

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return ``intent_polarity`` and ``intent_object``."""
        pairs = returned(rows)
        if self.source != ENGLISH:
            pairs = pairs.clear()
        texts = [
            pairs[name].str.to_lowercase().str.replace_all("’", "'", literal=True).to_list()
            for name in ("source", "back")
        ]
        measured = [_measure(*pair) for pair in zip(*texts, strict=True)]
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


def _measure(source: str, back: str) -> tuple[float, float]:
    """Return ``intent_polarity`` and ``intent_object`` of one sentence (lower case, straight apostrophes)."""
    returned = words_returned(source, back)
    return (
        polarity(source, back) if returned >= _MOST else 1.0,
        object_returned(source, back)
        if words_returned(source, back, object_of(source)) >= _MOST
        else 1.0,
    )
