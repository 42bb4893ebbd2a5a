"""Is the variant a refusal, while the prompt is a request?"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from mlc_data.checks.base import VariantReason, at_most, within
from mlc_data.recipe.checks import RefusedCheck
from mlc_data.text.refusals import ASSISTANTS, ENGLISH, REFUSALS, plain

_PHRASES = {
    code: "|".join(one for one in (REFUSALS.get(code), ASSISTANTS.get(code)) if one)
    for code in dict.fromkeys((*REFUSALS, *ASSISTANTS))
}


@dataclass(frozen=True)
class Refused:
    """Phrases by which an assistant declines, or says that it is one.

    A model that was tuned to converse answers a prompt now and then instead of translating it. "Sorry"
    and "I can't" alone say nothing; what counts is that help or an answer is denied
    (`mlc_data.text.refusals`).

    - ``refused_text`` (0 and up): phrases in the variant, in its language or in English, beyond those
      of the prompt, which may itself quote or discuss refusals.
    - ``refused_back`` (0 and up): the same of the back-translation; 0 without one.
    """

    settings: RefusedCheck = field(default_factory=RefusedCheck)
    source: str = ENGLISH
    reason = VariantReason.REFUSED
    scores = ("refused_text", "refused_back")
    limits = (at_most("refused_text", "max_phrases"), at_most("refused_back", "max_phrases"))

    @property
    def enabled(self) -> bool:
        """As the recipe says."""
        return self.settings.enabled

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """``refused_text`` and ``refused_back``."""
        known = _PHRASES.get(self.source, _PHRASES[ENGLISH])
        frame = rows.select("language", *map(plain, ("source", "text", "back_translation")))
        parts = [
            part.with_columns(text=_count("text", _patterns(str(code))))
            for (code,), part in frame.with_row_index().group_by("language", maintain_order=True)
        ]
        if not parts:
            return pl.DataFrame(schema=dict.fromkeys(self.scores, pl.Float64))
        counted = (
            pl.concat(parts)
            .sort("index")
            .with_columns(back=_count("back_translation", known).fill_null(0.0))
        )
        suspect = (pl.col("text") > 0) | (pl.col("back") > 0)
        prompts = counted.filter(suspect).select("index", own=_count("source", known))
        return (
            counted.join(prompts, on="index", how="left", maintain_order="left")
            .with_columns(pl.col("own").fill_null(0.0))
            .select(
                refused_text=pl.max_horizontal(pl.col("text") - pl.col("own"), 0.0),
                refused_back=pl.max_horizontal(pl.col("back") - pl.col("own"), 0.0),
            )
        )

    def passes(self) -> pl.Expr:
        """No more refusals than allowed."""
        return within(self.settings, self.limits)


def _patterns(code: str) -> str:
    """What to look for in a variant: refusals in its language and in English."""
    both = dict.fromkeys((_PHRASES.get(code, ""), _PHRASES[ENGLISH]))
    return "|".join(one for one in both if one)


def _count(column: str, pattern: str) -> pl.Expr:
    return pl.col(column).str.count_matches(pattern).cast(pl.Float64)
