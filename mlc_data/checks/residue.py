"""Check for what models and converters leave behind in a text."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import ClassVar

import polars as pl

from mlc_data.checks.base import Check, CheckSection, at_most
from mlc_data.checks.marks import residue
from mlc_data.languages.by_language import ByLanguage, by_language

DIACRITICS = Path(__file__).parent / "data" / "diacritics.csv"
"""Share of combining marks among the letters of good text, by language. Written by
benchmarks/diacritics.py from NTREX-128 (CC-BY-SA-4.0) and the Universal Declaration of Human Rights."""

_HALF_LOST = 4
"""A text with a quarter of the marks that it should have is spared, however long it is."""


def _shares() -> dict[str, float]:
    with DIACRITICS.open(encoding="utf-8", newline="") as file:
        return {row["language"]: float(row["share"]) for row in csv.DictReader(file)}


_SHARES = _shares()


class ResidueCheck(CheckSection):
    """Residue of models and converters: control tokens, broken characters, lead-ins."""

    max_marks: ByLanguage = by_language(0.0)
    """Greatest number of marks of residue beyond the prompt's own."""
    max_stripped: ByLanguage = by_language(6.0, fra_Latn=8.0, jpn_Jpan=8.0, spa_Latn=8.0)
    """Greatest number of diacritics that are missing from a text that has next to none."""


class Residue(Check):
    """Marks that good text does not have in any language, and diacritics that it should have.

    - ``residue_marks`` (0 and up): control tokens and language codes (``<unk>``, ``⁇``, ``spa_Latn``),
      pieces of tokenizers, HTML entities, escapes, mojibake, control characters, invisible characters
      that the script has no use for, and lead-ins of an assistant ("Here is the translation:"), beyond
      those of the prompt; see `mlc_data.checks.marks`.
    - ``residue_stripped`` (0 and up): diacritics that a good text of as many letters has on average,
      less four times those of this one; 0 in languages with few diacritics.
    """

    name = "residue"
    version: ClassVar[int] = 2
    section = ResidueCheck
    scores = ("residue_marks", "residue_stripped")
    limits = (at_most("residue_marks", "max_marks"), at_most("residue_stripped", "max_stripped"))

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return ``residue_marks`` and ``residue_stripped``."""
        columns = (rows[name] for name in ("text", "source", "language"))
        marks = [float(residue(*row)) for row in zip(*columns, strict=True)]
        return rows.select(
            pl.Series("residue_marks", marks, dtype=pl.Float64),
            _stripped().alias("residue_stripped"),
        )


def _stripped() -> pl.Expr:
    """Return the number of missing diacritics, over ``text`` and ``language``."""
    marks, letters = marks_and_letters()
    share = pl.col("language").replace_strict(_SHARES, default=0.0, return_dtype=pl.Float64)
    return pl.max_horizontal(share * letters - _HALF_LOST * marks, 0.0)


def marks_and_letters() -> tuple[pl.Expr, pl.Expr]:
    """Return the number of combining marks, with letters taken apart, and of letters.

    ASCII letters do not count in other scripts than Latin. Evaluated over ``text`` and ``language``.
    """
    text = pl.col("text").str.normalize("NFD")
    every, latin = text.str.count_matches(r"\p{L}"), text.str.count_matches(r"[A-Za-z]")
    in_latin = pl.col("language").str.ends_with("_Latn")
    return (
        text.str.count_matches(r"\p{Mn}").cast(pl.Float64).alias("marks"),
        (every - pl.when(in_latin).then(0).otherwise(latin)).cast(pl.Float64).alias("letters"),
    )
