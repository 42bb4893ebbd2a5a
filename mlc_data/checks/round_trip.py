"""Translated back, does the variant still say what the prompt says?"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl
from sacrebleu.metrics import CHRF

from mlc_data.checks.base import VariantReason, at_least, within
from mlc_data.checks.english.words import FUNCTION_WORDS, found
from mlc_data.checks.sentences import plain
from mlc_data.languages.flores import get_language
from mlc_data.recipe.checks import RoundTripCheck
from mlc_data.text.spans import words


@dataclass(frozen=True)
class RoundTrip:
    """The back-translation against the prompt.

    - ``round_trip_chrf`` (0 to 100): chrF++ as sacrebleu computes it.
    - ``round_trip_words`` (0 to 1): share of the prompt's content words that the back-translation has,
      or of the back-translation's that the prompt has, whichever is less; in the whole text or in
      the worst sentence, whichever is less. One word changed in a sentence moves this far more than
      it moves chrF++.
    - ``round_trip_exact`` (0 or 1): the same text but for case and white space.

    All are 0 where translating back failed. ``source`` is the language of the prompts.
    """

    settings: RoundTripCheck = field(default_factory=RoundTripCheck)
    source: str = "eng_Latn"
    reason = VariantReason.ROUND_TRIP
    scores = ("round_trip_chrf", "round_trip_words", "round_trip_exact")
    limits = (
        at_least("round_trip_chrf", "min_chrf"),
        at_least("round_trip_words", "min_words"),
    )
    _chrf: CHRF = field(default_factory=lambda: CHRF(word_order=2), compare=False, repr=False)

    @property
    def enabled(self) -> bool:
        """As the recipe says."""
        return self.settings.enabled

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """``round_trip_chrf``, ``round_trip_words`` and ``round_trip_exact``."""
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
        made = changed.select(
            "index",
            chrf=pl.Series(
                [
                    float(self._chrf.sentence_score(back, [source]).score)
                    for source, back in changed.select("source", "back_translation").iter_rows()
                ],
                dtype=pl.Float64,
            ),
        ).join(common.group_by("index").agg(pl.col("share").min()), on="index", how="left")
        came_back = pl.col("exact").cast(pl.Float64)
        return frame.join(made, on="index", how="left", maintain_order="left").select(
            round_trip_chrf=pl.col("chrf").fill_null(100 * came_back),
            round_trip_words=pl.col("share").fill_null(came_back),
            round_trip_exact=came_back,
        )

    def passes(self) -> pl.Expr:
        """Enough of the characters and of the words came back."""
        return within(self.settings, self.limits)


def _pairs(rows: pl.DataFrame) -> pl.DataFrame:
    """Each row's ``source`` and ``back``: of the whole text, and of its sentences if it has many."""
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
    """Share (0 to 1) of the content words of two texts that the other has, whichever is less.

    Words with a common stem count as the same. A text of English function words alone is compared by
    all its words; with no words in either there is nothing to miss, which gives 1.
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
    return sum(found(tuple(wanted), there)) / len(wanted)
