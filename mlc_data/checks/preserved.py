"""Are the numbers, addresses, placeholders and code of the prompt still there?"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

import polars as pl

from mlc_data.checks.base import VariantReason, at_least, at_most, each, within
from mlc_data.checks.numbers import compare
from mlc_data.recipe.checks import PreservedCheck
from mlc_data.text.spans import spans

_DIGIT = re.compile(r"\d")


@dataclass(frozen=True)
class Preserved:
    """What has to pass through a translation unharmed.

    - ``preserved_spans`` (0 to 1): share of the prompt's addresses, placeholders and code, each as often as
      the prompt has it, that the variant has; 1 if the prompt has none.
    - ``preserved_numbers`` (0 to 1): the same of its numbers, in digits of any script.
    - ``preserved_added`` (0 and up): numbers of the variant that the prompt does not have.
    """

    settings: PreservedCheck = field(default_factory=PreservedCheck)
    reason = VariantReason.PRESERVED
    scores = ("preserved_spans", "preserved_numbers", "preserved_added")
    limits = (
        at_least("preserved_spans", "min_share"),
        at_least("preserved_numbers", "min_numbers"),
        at_most("preserved_added", "max_added"),
    )

    @property
    def enabled(self) -> bool:
        """As the recipe says."""
        return self.settings.enabled

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """``preserved_spans``, ``preserved_numbers`` and ``preserved_added``."""
        return each(rows, ("source", "text"), _measure, self.scores)

    def passes(self) -> pl.Expr:
        """Enough of the spans and of the numbers, and not too many new numbers."""
        return within(self.settings, self.limits)


def _measure(source: str, text: str) -> tuple[float, float, float]:
    numbers, added = 1.0, 0
    if _DIGIT.search(source) or _DIGIT.search(text):
        wanted, there, added = compare(source, text)
        numbers = there / wanted if wanted else 1.0
    return _spans_there(source, text), numbers, float(added)


def _spans_there(source: str, text: str) -> float:
    wanted = Counter(spans(source))
    if not wanted:
        return 1.0
    # Counted as text: in the variant, what follows an address may look like a part of it. Case matters
    # in placeholders only.
    folded = text.lower()
    there = sum(
        min(count, folded.count(span.lower()) if span[0].isalnum() else text.count(span))
        for span, count in wanted.items()
    )
    return there / wanted.total()
