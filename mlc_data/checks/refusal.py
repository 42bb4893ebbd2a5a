"""Check for refusals in place of the translated request."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from mlc_data.checks.base import Check, CheckSection, at_most
from mlc_data.languages.by_language import ByLanguage, by_language
from mlc_data.text.refusals import ASSISTANTS, DECLINES, ENGLISH, INABILITY, REFUSALS, plain

_PHRASES = {
    code: "|".join(filter(None, (REFUSALS.get(code), ASSISTANTS.get(code))))
    for code in dict.fromkeys((*REFUSALS, *ASSISTANTS))
}


class RefusedCheck(CheckSection):
    """Refusals ("I'm sorry, but I can't help with that") in place of the prompt."""

    max_phrases: ByLanguage = by_language(0.0)
    """Greatest number of refusal phrases beyond the prompt's own, in the variant or its back-translation."""


class Refusal(Check):
    """Phrases with which an assistant declines, or says that it is an assistant.

    A chat model sometimes answers a prompt instead of translating it. "Sorry" and "I can't" alone do
    not count, only phrases that deny help or an answer (`mlc_data.text.refusals`), or an inability that
    the prompt does not speak of.

    - ``refused_text`` (0 and up): phrases in the variant, in its language or in English, beyond those
      of the prompt, which may itself quote or discuss refusals.
    - ``refused_back`` (0 and up): the same for the back-translation; 0 without a back-translation.
    """

    name = "refused"
    version: ClassVar[int] = 2
    section = RefusedCheck
    scores = ("refused_text", "refused_back")
    limits = (at_most("refused_text", "max_phrases"), at_most("refused_back", "max_phrases"))

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return ``refused_text`` and ``refused_back``."""
        known = _PHRASES.get(self.source, _PHRASES[ENGLISH])
        frame = rows.select("language", *map(plain, ("source", "text", "back_translation")))
        parts = [
            part.with_columns(
                text=_count("text", _patterns(str(code))), declined=self._declined(str(code))
            )
            for (code,), part in frame.with_row_index().group_by("language", maintain_order=True)
        ]
        if not parts:
            return pl.DataFrame(schema=dict.fromkeys(self.scores, pl.Float64))
        counted = (
            pl.concat(parts)
            .sort("index")
            .with_columns(back=_count("back_translation", known).fill_null(0.0))
        )
        suspect = pl.any_horizontal(pl.col("text", "back", "declined") > 0)
        prompts = counted.filter(suspect).select(
            "index", own=_count("source", known), inability=_count("source", INABILITY)
        )
        return (
            counted.join(prompts, on="index", how="left", maintain_order="left")
            .with_columns(pl.col("own", "inability").fill_null(0.0))
            .select(
                refused_text=pl.max_horizontal(
                    pl.col("text") - pl.col("own"), pl.col("declined") - pl.col("inability"), 0.0
                ),
                refused_back=pl.max_horizontal(pl.col("back") - pl.col("own"), 0.0),
            )
        )

    def _declined(self, code: str) -> pl.Expr:
        """Return the number of inabilities to help in the text; 0 where prompts are not English."""
        if self.source != ENGLISH:
            return pl.lit(0.0)
        return pl.sum_horizontal(
            _count("text", DECLINES[each])
            for each in dict.fromkeys((code, ENGLISH))
            if each in DECLINES
        )


def _patterns(code: str) -> str:
    """Return the pattern of refusals in a language and in English."""
    return "|".join(filter(None, dict.fromkeys((_PHRASES.get(code), _PHRASES[ENGLISH]))))


def _count(column: str, pattern: str) -> pl.Expr:
    return pl.col(column).str.count_matches(pattern).cast(pl.Float64)
