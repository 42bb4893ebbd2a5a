"""Translated back, does the variant still say what the prompt says?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import polars as pl
from sacrebleu.metrics import CHRF

from mlc_data.checks.base import VariantReason, each, threshold
from mlc_data.checks.spans import words
from mlc_data.hashing import normalise
from mlc_data.languages import get_language
from mlc_data.recipe import RoundTripCheck

# Words that a good round trip often changes. Negations, numbers and quantities are not among them.
_FUNCTION_WORDS = frozenset(
    """a an the this that these those some any it its it's there here i i'm i'd i've i'll me my mine
    you your yours you're he him his she her we us our they them their one is are was were be been
    being am do does did done have has had having can could will would shall should may might must
    to of in on at by for from with into onto about as and or but so if than then when while what
    which who whom whose how why where please just also very really let's let get got""".split()
)
_SAME_STEM = 0.6
_SHORTEST_STEM = 3


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

    settings: RoundTripCheck = RoundTripCheck()
    source: str = "eng_Latn"
    reason = VariantReason.ROUND_TRIP
    scores = ("round_trip_chrf", "round_trip_words", "round_trip_exact")
    _chrf: CHRF = field(default_factory=lambda: CHRF(word_order=2), compare=False, repr=False)

    @property
    def enabled(self) -> bool:
        """As the recipe says."""
        return self.settings.enabled

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """``round_trip_chrf``, ``round_trip_words`` and ``round_trip_exact``."""
        return each(rows, ("source", "back_translation", "segments"), self._measure, self.scores)

    def passes(self) -> pl.Expr:
        """Enough of the characters and of the words came back."""
        return (pl.col("round_trip_chrf") >= threshold(self.settings.min_chrf)) & (
            pl.col("round_trip_words") >= threshold(self.settings.min_words)
        )

    def _measure(
        self, source: str, back: str | None, segments: Sequence[dict[str, Any]]
    ) -> tuple[float, float, float]:
        if back is None:
            return 0.0, 0.0, 0.0
        if normalise(source) == normalise(back):
            return 100.0, 1.0, 1.0
        spaced = get_language(self.source).spaced
        shares = [common_words(source, back, spaced=spaced)]
        if len(segments) > 1:
            shares += [
                common_words(segment["source"], segment["back"] or "", spaced=spaced)
                for segment in segments
            ]
        chrf = float(self._chrf.sentence_score(back, [source]).score)
        return chrf, min(shares), 0.0


def common_words(source: str, back: str, *, spaced: bool = True) -> float:
    """Share (0 to 1) of the content words of two texts that the other has, whichever is less.

    Words with a common stem count as the same. A text of English function words alone is compared by
    all its words; with no words in either there is nothing to miss, which gives 1.
    """
    wanted, there = (_words(text, spaced) for text in (source, back))
    content = tuple(found - _FUNCTION_WORDS for found in (wanted, there))
    if content[0]:
        wanted, there = content
    if not wanted or not there:
        return float(wanted == there)
    return min(_share(wanted, there), _share(there, wanted))


@lru_cache(maxsize=4096)
def _words(text: str, spaced: bool) -> frozenset[str]:
    return frozenset(words(text.replace("’", "'"), spaced=spaced))


def _share(wanted: frozenset[str], there: frozenset[str]) -> float:
    missing = [word for word in wanted - there if not any(_akin(word, one) for one in there)]
    return 1 - len(missing) / len(wanted)


def _akin(one: str, other: str) -> bool:
    """Whether two words begin alike for most of their length: ``steal`` and ``stealing``."""
    if one[:_SHORTEST_STEM] != other[:_SHORTEST_STEM] or one.isdecimal() or other.isdecimal():
        return False
    longer = max(len(one), len(other))
    common = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if common is None:
        common = min(len(one), len(other))
    return common >= max(_SHORTEST_STEM, _SAME_STEM * longer)
