"""Check of the round trip: translated back, a variant says what the prompt says."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Self

import polars as pl

from mlc_data.checks.base import (
    ENGLISH,
    Check,
    CheckSection,
    Context,
    RunLimitedSection,
    at_least,
)
from mlc_data.checks.english.words import FUNCTION_WORDS, occur
from mlc_data.checks.sentences import plain
from mlc_data.languages.by_language import ByLanguage, by_language
from mlc_data.languages.flores import get_language
from mlc_data.text.spans import words


class RoundTripCheck(RunLimitedSection):
    """The back-translation against the prompt.

    A translator that paraphrases (NLLB) needs lower thresholds than one that knows a phrasebook.
    """

    from_run = ("min_chrf", "min_words")

    min_chrf: ByLanguage = by_language(35.0)
    """Least chrF++ (0 to 100)."""
    min_words: ByLanguage = by_language(0.34)
    """Least share of the content words that must come back, in the worst sentence (0 to 1)."""


class RoundTrip(Check):
    """The back-translation against the prompt.

    - ``round_trip_chrf`` (0 to 100): chrF++ as sacrebleu computes it, in lower case. A variant that fails
      it is excused where the check of meaning is on and ``meaning_back`` passes.
    - ``round_trip_words`` (0 to 1): share of the prompt's content words that the back-translation has,
      or of the back-translation's that the prompt has, whichever is less; in the whole text or in
      the worst sentence, whichever is less. One word changed in a sentence moves this far more than
      it moves chrF++.
    - ``round_trip_exact`` (0 or 1): the same text, except for case and white space.

    All are 0 where translating back failed. It abstains on imported variants that have no back-translation.
    """

    name = "round_trip"
    version = 4
    section = RoundTripCheck
    abstains = True
    scores = ("round_trip_chrf", "round_trip_words", "round_trip_exact")
    limits = (
        at_least("round_trip_chrf", "min_chrf", tighten=True, from_run=True, unless="meaning_back"),
        at_least("round_trip_words", "min_words", tighten=True, from_run=True),
    )

    def __init__(
        self,
        settings: CheckSection | None = None,
        source: str = ENGLISH,
        *,
        imported: bool = False,
    ) -> None:
        """Create the check; ``imported`` as in `Context`."""
        super().__init__(settings, source)
        self.imported = imported

    @classmethod
    def of_recipe(cls, settings: CheckSection, context: Context) -> Self | None:
        """Return the check; None where variants are not translated back."""
        if not context.round_trip:
            return None
        return cls(settings, context.source, imported=context.imported)

    def scored_by(self) -> dict[str, Any]:
        """Return whether it abstains without a back-translation, if it does."""
        return {**super().scored_by(), **({"imported": True} if self.imported else {})}

    @cached_property
    def _chrf(self) -> Any:
        from sacrebleu.metrics import CHRF

        return CHRF(word_order=2)

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return ``round_trip_chrf``, ``round_trip_words`` and ``round_trip_exact``."""
        exact = plain("source") == plain("back_translation")
        frame = rows.select(
            "source", "back_translation", "segments", exact=exact.fill_null(value=False)
        ).with_row_index()
        changed = frame.filter(~pl.col("exact") & pl.col("back_translation").is_not_null())
        pairs = _pairs(changed)
        spaced = get_language(self.source).spaced
        common = pl.DataFrame(
            {
                "index": pairs["index"],
                "share": common_words(pairs["source"], pairs["back"], spaced=spaced),
            }
        )
        measured = changed.select(
            "index",
            chrf=pl.Series(
                [
                    float(self._chrf.sentence_score(back.lower(), [source.lower()]).score)
                    for source, back in changed.select("source", "back_translation").iter_rows()
                ],
                dtype=pl.Float64,
            ),
        ).join(common.group_by("index").agg(pl.col("share").min()), on="index", how="left")
        came_back = pl.col("exact").cast(pl.Float64)
        judged = pl.col("back_translation").is_not_null() | pl.lit(not self.imported)
        scores = frame.join(measured, on="index", how="left", maintain_order="left").select(
            judged.alias("judged"),
            round_trip_chrf=pl.col("chrf").fill_null(100 * came_back),
            round_trip_words=pl.col("share").fill_null(came_back),
            round_trip_exact=came_back,
        )
        return scores.select(
            pl.when("judged").then(pl.col(name)).alias(name) for name in self.scores
        )


def _pairs(rows: pl.DataFrame) -> pl.DataFrame:
    """Return ``index``, ``source`` and ``back`` of each text, and of each sentence of texts with several."""
    wholes = rows.select("index", "source", back="back_translation")
    segment = pl.col("segments").struct
    sentences = (
        rows.filter(pl.col("segments").list.len() > 1)
        .select("index", "segments")
        .explode("segments")
        .select("index", source=segment.field("source"), back=segment.field("back").fill_null(""))
    )
    return pl.concat([wholes, sentences])


def common_words(sources: pl.Series, backs: pl.Series, *, spaced: bool = True) -> pl.Series:
    """Return the share (0 to 1) of the content words of each text that the other has, whichever is less.

    Words with a common stem count as the same. A text of English function words alone is compared by
    all its words. Two texts without words give 1.
    """
    wanted, there = (
        words(texts.str.replace_all("’", "'", literal=True), spaced=spaced).to_list()
        for texts in (sources, backs)
    )
    return pl.Series(
        [_agreement(*pair) for pair in zip(wanted, there, strict=True)], dtype=pl.Float64
    )


def _agreement(source: list[str], back: list[str]) -> float:
    wanted, there = frozenset(source), frozenset(back)
    if wanted - FUNCTION_WORDS:
        wanted, there = wanted - FUNCTION_WORDS, there - FUNCTION_WORDS
    if not wanted or not there:
        return float(wanted == there)
    return min(_share(wanted, there), _share(there, wanted))


def _share(wanted: frozenset[str], there: frozenset[str]) -> float:
    return sum(occur(tuple(wanted), there)) / len(wanted)
