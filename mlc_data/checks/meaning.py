"""Check of meaning: an encoder of many languages finds the variant close to its prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import polars as pl

from mlc_data.checks.base import (
    ENGLISH,
    MADE_UP,
    SAME,
    Check,
    CheckSection,
    Context,
    RunLimitedSection,
    at_least,
    at_most,
    threshold_of,
)
from mlc_data.checks.critical import critical_model
from mlc_data.languages.by_language import ByLanguage, by_language
from mlc_data.sentence_encoder.base import SentenceEncoder
from mlc_data.sentence_encoder.packaged import UseMultilingual

_SAME_BACK = by_language(0.7)
_SHORTEST = 20
"""Characters of a sentence that is compared by itself: shorter ones say too little."""


class MeaningCheck(RunLimitedSection):
    """The variant, and its back-translation, against the prompt, as vectors of a sentence encoder."""

    from_run = ("min_variant", "min_back")

    encoder: str | None = None
    """`use-multilingual` (extra `data`; 15 languages, numpy only), a folder or Hub id of an encoder
    of transformers (LaBSE, BGE-M3, multilingual E5), or a class of your own as `module:Class`. null
    leaves this check out."""
    prefix: str = ""
    """Text put before each text, such as `query: ` for E5."""
    languages: tuple[str, ...] | None = None
    """Languages whose variants are compared with the prompt directly; null takes those that the encoder
    says it knows, or all if it does not say."""
    min_variant: ByLanguage = by_language(0.35)
    """Least cosine of prompt and variant (-1 to 1), in the worst sentence. The defaults here and below suit
    `use-multilingual`; with other encoders, whose cosines have other scales, only limits from the run hold."""
    min_back: ByLanguage = by_language(0.45)
    """Least cosine of prompt and back-translation (-1 to 1), in the worst sentence."""
    same_back: ByLanguage | None = None
    """Cosine of prompt and back-translation (-1 to 1) from which other words are no fault: a lost object
    (`intent_object`) or clause (`coverage_returned`) is excused. null takes 0.7 for `use-multilingual` and
    excuses nothing with other encoders, whose cosines have other scales."""
    max_critical: ByLanguage = by_language(0.55)
    """Greatest score of a critical error (0 to 1); for encoders with a trained model alone."""

    @property
    def scaled(self) -> bool:
        """See `RunLimitedSection.scaled`."""
        return self.encoder == UseMultilingual.id


class Meaning(Check):
    """Prompt, variant and back-translation as vectors of a sentence encoder.

    - ``meaning_variant`` (-1 to 1): cosine of prompt and variant; of the whole text or the worst sentence,
      whichever is less. Null in languages that the encoder does not know.
    - ``meaning_back`` (-1 to 1): the same of prompt and back-translation. Null without one. A variant that fails
      it is excused where ``round_trip_chrf`` passes, or the back-translation is made up.
    - ``meaning_critical`` (0 to 1): score of a critical error by a model trained on people's judgements, see
      `mlc_data.checks.critical`. Null where there is no such model for the encoder or the language.
    """

    name = "meaning"
    version = 4
    section = MeaningCheck
    abstains = True
    scores = ("meaning_variant", "meaning_back", "meaning_critical")
    limits = (
        at_least("meaning_variant", "min_variant", loosest=0.0, from_run=True),
        at_least(
            "meaning_back",
            "min_back",
            loosest=0.0,
            from_run=True,
            unless=("round_trip_chrf", MADE_UP),
        ),
        at_most("meaning_critical", "max_critical", loosest=0.95),
    )

    def __init__(
        self,
        settings: CheckSection | None = None,
        source: str = ENGLISH,
        encoder: SentenceEncoder | None = None,
    ) -> None:
        super().__init__(settings, source)
        self.encoder = encoder

    @classmethod
    def of_recipe(cls, settings: CheckSection, context: Context) -> Self | None:
        """Return the check; None where the recipe names no encoder."""
        return cls(settings, context.source, context.encoder) if context.encoder else None

    def scored_by(self) -> dict[str, Any]:
        """See `Check.scored_by`; the encoder's revision is among them."""
        revision = self.encoder.revision if self.encoder else None
        return {**super().scored_by(), "revision": revision}

    def knows(self, language: str) -> bool:
        """Return whether texts in a language (FLORES-200 code) are compared directly."""
        chosen = self.settings.languages
        if chosen is None and self.encoder is not None:
            chosen = self.encoder.languages
        return chosen is None or language in chosen

    def confirming(self) -> dict[str, pl.Expr]:
        """See `Check.confirming`; `SAME` says that the back-translation means the same."""
        least = self.settings.same_back or (_SAME_BACK if self.settings.scaled else None)
        if least is None:
            return dict(super().confirming())
        same = (pl.col("meaning_back") >= threshold_of(least)).fill_null(value=False)
        return {**super().confirming(), SAME: same}

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the columns `scores`."""
        known = [code for code in rows["language"].unique() if self.knows(code)]
        frame = rows.select(
            "language", "source", "text", "segments", back="back_translation"
        ).with_row_index()
        direct = frame.filter(pl.col("language").is_in(known))
        both = self.knows(self.source)
        returned = frame.filter(pl.col("back").is_not_null() & pl.lit(both))
        variant = self._worst(direct, "text") if both else direct.clear().select("index", score=0.0)
        return (
            frame.select("index")
            .join(variant.rename({"score": "variant"}), on="index", how="left")
            .join(self._worst(returned, "back").rename({"score": "back"}), on="index", how="left")
            .join(self._critical(direct if both else direct.clear()), on="index", how="left")
            .sort("index")
            .select(meaning_variant="variant", meaning_back="back", meaning_critical="critical")
        )

    def _worst(self, rows: pl.DataFrame, column: str) -> pl.DataFrame:
        """Return ``index`` and ``score``: the least cosine of prompt and ``column``, by text and by sentence."""
        segment = pl.col("segments").struct
        sentences = (
            rows.filter(pl.col("segments").list.len() > 1)
            .select("index", "segments")
            .explode("segments")
            .select("index", segment.field("source"), other=segment.field(column))
            .filter((pl.col("source").str.len_chars() >= _SHORTEST) & pl.col("other").is_not_null())
        )
        pairs = pl.concat([rows.select("index", "source", other=column), sentences])
        cosines = self._cosines(pairs["source"].to_list(), pairs["other"].to_list())
        scored = pairs.select("index", score=pl.Series(cosines, dtype=pl.Float64))
        return scored.group_by("index").agg(pl.col("score").min())

    def _cosines(self, texts: Sequence[str], others: Sequence[str]) -> list[float]:
        if not texts or self.encoder is None:
            return []
        products = self.encoder.encode(_calm(texts)) * self.encoder.encode(_calm(others))
        return [min(1.0, float(value)) for value in products.sum(axis=1)]

    def _critical(self, rows: pl.DataFrame) -> pl.DataFrame:
        model = critical_model(self.encoder.id) if self.encoder else None
        if model is None or rows.is_empty() or self.encoder is None or self.source != ENGLISH:
            return rows.clear().select("index", critical=pl.lit(0.0))
        scores = model.scores(
            self.encoder.encode(_calm(rows["source"].to_list())),
            self.encoder.encode(_calm(rows["text"].to_list())),
        )
        return rows.select("index", critical=pl.Series(scores, dtype=pl.Float64))


def _calm(texts: Sequence[str]) -> list[str]:
    """Return the texts, in lower case where most letters are capitals: to an encoder they are other words."""
    return [
        text.lower() if sum(map(str.isupper, text)) > sum(map(str.islower, text)) else text
        for text in texts
    ]
