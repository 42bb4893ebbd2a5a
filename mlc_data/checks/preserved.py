"""Check of numbers, addresses, placeholders and code, which a translation must keep."""

from __future__ import annotations

from collections import Counter

import polars as pl

from mlc_data.checks.base import Check, CheckSection, at_least, at_most, score_each
from mlc_data.checks.numbers import HAS_NUMBER, compare
from mlc_data.languages.by_language import ByLanguage, by_language
from mlc_data.text.spans import spans


class PreservedCheck(CheckSection):
    """Numbers, URLs, e-mail addresses, placeholders and code of the prompt that the variant keeps."""

    min_share: ByLanguage = by_language(1.0)
    """Least share of the addresses, placeholders and code that the variant must have unchanged (0 to 1)."""
    min_numbers: ByLanguage = by_language(1.0)
    """Least share of the numbers that the variant must have (0 to 1); translators spell some out."""
    max_added: ByLanguage = by_language(1.0)
    """Greatest number of numbers that the prompt does not have."""


class Preserved(Check):
    """Share of the parts that must pass through a translation unchanged.

    - ``preserved_spans`` (0 to 1): share of the prompt's addresses, placeholders and code, each as often as
      the prompt has it, that the variant has; 1 if the prompt has none.
    - ``preserved_numbers`` (0 to 1): the same of its numbers, in digits of any script.
    - ``preserved_added`` (0 and up): numbers of the variant that the prompt does not have.
    """

    name = "preserved"
    section = PreservedCheck
    scores = ("preserved_spans", "preserved_numbers", "preserved_added")
    limits = (
        at_least("preserved_spans", "min_share"),
        at_least("preserved_numbers", "min_numbers"),
        at_most("preserved_added", "max_added"),
    )

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return ``preserved_spans``, ``preserved_numbers`` and ``preserved_added``."""
        return score_each(rows, ("source", "text", "language"), _measure, self.scores)


def _measure(source: str, text: str, language: str) -> tuple[float, float, float]:
    numbers, added = 1.0, 0
    if HAS_NUMBER.search(source) or HAS_NUMBER.search(text):
        wanted, there, added = compare(source, text, language)
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
