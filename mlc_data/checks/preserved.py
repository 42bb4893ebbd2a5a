"""Check of numbers, addresses, placeholders and code, which a translation must keep."""

from __future__ import annotations

from typing import ClassVar

import polars as pl

from mlc_data.checks.base import Check, CheckSection, at_least, at_most, score_each
from mlc_data.checks.numbers import HAS_NUMBER, compare
from mlc_data.languages.by_language import ByLanguage, by_language
from mlc_data.text.fences import prose_lines
from mlc_data.text.kept import kept


class PreservedCheck(CheckSection):
    """Numbers, addresses, placeholders, markup, code and emoji of the prompt that the variant keeps."""

    min_share: ByLanguage = by_language(1.0)
    """Least share of the addresses, placeholders, markup, code and emoji that the variant must have
    unchanged (0 to 1)."""
    min_numbers: ByLanguage = by_language(1.0)
    """Least share of the numbers that the variant must have, in digits or in words (0 to 1)."""
    max_added: ByLanguage = by_language(1.0)
    """Greatest number of numbers that the prompt does not have."""
    max_untranslated: ByLanguage = by_language(0.0)
    """Greatest number of lines of prose that were not translated and are in the variant unchanged."""


class Preserved(Check):
    """Share of the parts that must pass through a translation, and lines that should not have.

    - ``preserved_spans`` (0 to 1): share of the prompt's addresses, placeholders, markup, code and emoji,
      each as often as the prompt has it, that the variant has; words in brackets may be translated but not
      vanish. 1 if the prompt has none.
    - ``preserved_numbers`` (0 to 1): the same of its numbers: in digits of any script or in words, with
      their scale, sign and decimal point; morning stays morning.
    - ``preserved_added`` (0 and up): numbers of the variant that the prompt does not have.
    - ``preserved_untranslated`` (0 and up): lines of prose of the prompt, outside of code, that belong to no
      translated sentence and are in the variant as they were.
    """

    name = "preserved"
    version: ClassVar[int] = 4
    section = PreservedCheck
    scores = (
        "preserved_spans",
        "preserved_numbers",
        "preserved_added",
        "preserved_untranslated",
    )
    limits = (
        at_least("preserved_spans", "min_share"),
        at_least("preserved_numbers", "min_numbers"),
        at_most("preserved_added", "max_added"),
        at_most("preserved_untranslated", "max_untranslated"),
    )

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return the scores of the class's description."""
        frame = rows.select("source", "text", "language", translated=_TRANSLATED)
        return score_each(
            frame, ("source", "text", "language", "translated"), _measure, self.scores
        )


_TRANSLATED = pl.when(
    pl.col("source").str.contains(r"[\r\n]") | (pl.col("segments").list.len() == 0)
).then(pl.col("segments").list.eval(pl.element().struct.field("source")).list.join(" "))
"""The translated sentences as one text, of prompts of several lines; null for the others."""


def _measure(
    source: str, text: str, language: str, translated: str | None
) -> tuple[float, float, float, float]:
    numbers, added = 1.0, 0
    if HAS_NUMBER.search(source) or HAS_NUMBER.search(text):
        wanted, there, added = compare(source, text, language)
        numbers = there / wanted if wanted else 1.0
    spans = kept(source, text)
    share = spans.there / spans.wanted if spans.wanted else 1.0
    left = 0 if translated is None else _untranslated(source, text, translated)
    return share, numbers, float(added), float(left)


def _untranslated(source: str, text: str, translated: str) -> int:
    """Return the number of lines of prose that no translated sentence has and that the variant repeats."""
    known = _plain(translated)
    return sum(line in text and _plain(line) not in known for line in prose_lines(source))


def _plain(text: str) -> str:
    return " ".join(text.split())
