"""Is the variant the prompt again?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import polars as pl

from mlc_data.checks.base import VariantReason, each, threshold
from mlc_data.checks.spans import names, without_spans, words
from mlc_data.languages import get_language
from mlc_data.recipe import CopyCheck

_WORDS_OF_A_SENTENCE = 4
"""Of a shorter sentence ("OK.", "Hotel Paris?") a copy may well be its translation."""


@dataclass(frozen=True)
class Copied:
    """Share of the words that stand in the prompt.

    ``copied_share`` (0 to 1): of the whole text or of its worst sentence, whichever is more; the
    prompt's addresses, placeholders, numbers and names do not count. 1 if the variant is the prompt.
    """

    settings: CopyCheck = CopyCheck()
    reason = VariantReason.COPIED
    scores = ("copied_share",)

    @property
    def enabled(self) -> bool:
        """As the recipe says."""
        return self.settings.enabled

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """``copied_share``."""
        return each(rows, ("source", "text", "language", "segments"), _worst, self.scores)

    def passes(self) -> pl.Expr:
        """At most the language's share."""
        return pl.col("copied_share") <= threshold(self.settings.max_share)


def _worst(
    source: str, text: str, language: str, segments: Sequence[dict[str, Any]]
) -> tuple[float]:
    spaced = get_language(language).spaced
    worst = copied_share(source, text, spaced=spaced)
    if len(segments) > 1:
        for segment in segments:
            if segment["text"] and len(_own_words(segment["source"])) >= _WORDS_OF_A_SENTENCE:
                worst = max(worst, copied_share(segment["source"], segment["text"], spaced=spaced))
    return (worst,)


def copied_share(source: str, text: str, *, spaced: bool) -> float:
    """Share (0 to 1) of the words of ``text`` that occur in ``source``."""
    own = _own_words(source)
    if not own:
        return 0.0
    if source.split() == text.split():
        return 1.0
    kept = names(source)
    found = [
        word
        for word in words(without_spans(text), spaced=spaced)
        if word not in kept and not word.isdecimal()
    ]
    return sum(word in own for word in found) / len(found) if found else 0.0


@lru_cache(maxsize=4096)
def _own_words(source: str) -> frozenset[str]:
    """The prompt's words that a translation would change."""
    found = frozenset(word for word in words(without_spans(source)) if not word.isdecimal())
    return found - names(source)
