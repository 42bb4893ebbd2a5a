"""Check of the round trip: translated back, a variant says what the prompt says."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Self

import polars as pl

from mlc_data.checks import cognates
from mlc_data.checks.base import (
    ENGLISH,
    MADE_UP,
    Check,
    CheckSection,
    Context,
    RunLimitedSection,
    at_least,
    threshold_of,
)
from mlc_data.checks.english.words import FUNCTION_WORDS, occur
from mlc_data.checks.sentences import plain
from mlc_data.languages.by_language import ByLanguage, by_language
from mlc_data.languages.flores import get_language
from mlc_data.text.spans import words

_POOR = 0.5
"""Share of the words in common below which a sentence came back poorly."""
_COMPARED = 400
"""Sentences of a language that are compared with each other, at most."""


class RoundTripCheck(RunLimitedSection):
    """The back-translation against the prompt.

    A translator that paraphrases (NLLB) needs lower thresholds than one that knows a phrasebook.
    """

    from_run = ("min_chrf", "min_words")

    min_chrf: ByLanguage = by_language(35.0)
    """Least chrF++ (0 to 100)."""
    min_words: ByLanguage = by_language(0.34)
    """Least share of the content words that must come back, in the worst sentence (0 to 1)."""
    min_cognates: ByLanguage | None = None
    """Resemblance of prompt and variant (0 to 1) above that of a wrong variant, so that a back-translation with
    fewer words of the prompt than `min_words` is taken to be made up and not held against the variant. null takes
    it from the run: what 99 % of the texts do not reach with the nearest other prompt, at least 0.25. Without limits
    from the run, never."""


class RoundTrip(Check):
    """The back-translation against the prompt.

    - ``round_trip_chrf`` (0 to 100): chrF++ as sacrebleu computes it, in lower case. A variant that fails
      it is excused where the check of meaning is on and ``meaning_back`` passes.
    - ``round_trip_words`` (0 to 1): share of the prompt's content words that the back-translation has,
      or of the back-translation's that the prompt has, whichever is less; in the whole text or in
      the worst sentence, whichever is less. One word changed in a sentence moves this far more than
      it moves chrF++.
    - ``round_trip_exact`` (0 or 1): the same text, except for case and white space.
    - ``round_trip_cognates`` (0 to 1): how much prompt and variant resemble each other in names, numbers and
      words of common origin, where less than half of the words came back, see
      `cognates.evidence`; of the worst such sentence. Null elsewhere. It rejects nothing: it may show that the
      back-translation is made up, `MADE_UP`.

    All are 0 (the last null) where translating back failed. It abstains on imported variants that have no
    back-translation.
    """

    name = "round_trip"
    version = 5
    section = RoundTripCheck
    abstains = True
    scores = ("round_trip_chrf", "round_trip_words", "round_trip_exact", "round_trip_cognates")
    limits = (
        at_least(
            "round_trip_chrf",
            "min_chrf",
            tighten=True,
            from_run=True,
            unless=("meaning_back", MADE_UP),
        ),
        at_least("round_trip_words", "min_words", tighten=True, from_run=True, unless=(MADE_UP,)),
    )
    evidence = (at_least("round_trip_cognates", "min_cognates", loosest=0.25),)

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

    def confirming(self) -> dict[str, pl.Expr]:
        """See `Check.confirming`; `MADE_UP` says that the back-translation is no better than that of another text
        although prompt and variant resemble each other as no wrong pair does."""
        found = dict(super().confirming())
        least = self.settings.min_cognates
        if least is None:
            return found
        strange = ~self.limits[1].passes(self.settings)
        direct = pl.col("round_trip_cognates") >= threshold_of(least)
        return {**found, MADE_UP: (strange & direct).fill_null(value=False)}

    def nearest(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return ``round_trip_cognates`` of sentences with the nearest other prompt's, see `cognates.nearest`."""
        returned = rows.with_row_index().filter(pl.col("back_translation").is_not_null())
        sentences = _sentences(returned).head(_COMPARED)
        return pl.DataFrame(
            {"round_trip_cognates": cognates.nearest(sentences["source"], sentences["text"])}
        )

    @cached_property
    def _chrf(self) -> Any:
        from sacrebleu.metrics import CHRF

        return CHRF(word_order=2)

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return ``round_trip_chrf``, ``round_trip_words`` and ``round_trip_exact``."""
        exact = plain("source") == plain("back_translation")
        frame = rows.select(
            "source", "text", "back_translation", "segments", exact=exact.fill_null(value=False)
        ).with_row_index()
        changed = frame.filter(~pl.col("exact") & pl.col("back_translation").is_not_null())
        came_back = pl.col("exact").cast(pl.Float64)
        judged = pl.col("back_translation").is_not_null() | pl.lit(not self.imported)
        scores = (
            frame.join(self._chrfs(changed), on="index", how="left", maintain_order="left")
            .join(self._words(changed), on="index", how="left", maintain_order="left")
            .select(
                judged.alias("judged"),
                round_trip_chrf=pl.col("chrf").fill_null(100 * came_back),
                round_trip_words=pl.col("share").fill_null(came_back),
                round_trip_exact=came_back,
                round_trip_cognates="cognates",
            )
        )
        return scores.select(
            pl.when("judged").then(pl.col(name)).alias(name) for name in self.scores
        )

    def _chrfs(self, changed: pl.DataFrame) -> pl.DataFrame:
        """Return ``index`` and ``chrf`` of rows."""
        pairs = changed.select("source", "back_translation").iter_rows()
        found = [
            float(self._chrf.sentence_score(back.lower(), [source.lower()]).score)
            for source, back in pairs
        ]
        return changed.select("index", chrf=pl.Series(found, dtype=pl.Float64))

    def _words(self, changed: pl.DataFrame) -> pl.DataFrame:
        """Return ``index``, ``share`` of the words in common and ``cognates`` of rows, of the worst sentence."""
        sentences = _sentences(changed)
        several = changed.filter(pl.col("segments").list.len() > 1)
        wholes = several.select("index", "source", "text", back="back_translation")
        pairs = pl.concat([sentences, wholes])
        spaced = get_language(self.source).spaced
        pairs = pairs.with_columns(
            share=common_words(pairs["source"], pairs["back"], spaced=spaced),
            is_sentence=pl.int_range(pl.len()) < sentences.height,
        )
        poor = pairs.filter(pl.col("is_sentence") & (pl.col("share") < _POOR))
        found = cognates.evidence(poor["source"], poor["text"], poor["back"])
        resemblance = poor.select("index", cognates=pl.Series(found, dtype=pl.Float64))
        return (
            pairs.group_by("index")
            .agg(pl.col("share").min())
            .join(
                resemblance.group_by("index").agg(pl.col("cognates").min()), on="index", how="left"
            )
        )


def _sentences(rows: pl.DataFrame) -> pl.DataFrame:
    """Return ``index``, ``source``, ``text`` and ``back`` (never null) of each sentence, or of texts with one
    or none."""
    several = (pl.col("segments").list.len() > 1).fill_null(value=False)
    wholes = rows.filter(~several).select("index", "source", "text", back="back_translation")
    segment = pl.col("segments").struct
    parts = (
        rows.filter(several)
        .select("index", "segments")
        .explode("segments")
        .select("index", *(segment.field(name) for name in ("source", "text", "back")))
    )
    return pl.concat([wholes, parts]).with_columns(pl.col("text", "back").fill_null(""))


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
