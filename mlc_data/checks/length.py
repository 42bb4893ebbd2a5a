"""Check of the length: a variant is as long as translations into its language are."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import ClassVar

import polars as pl

from mlc_data.checks.base import ENGLISH, Check, CheckSection, at_least, at_most
from mlc_data.languages.by_language import ByLanguage, by_language

LENGTHS = Path(__file__).parent / "data" / "lengths.csv"
"""Usual lengths of translations from English, by language. Written by benchmarks/lengths.py from
NTREX-128 (CC-BY-SA-4.0) and the Universal Declaration of Human Rights. Thai and Lao, which do not mark the
ends of sentences, are left out."""

_END = r"[.!?…։።؟۔।॥]+[\"'”’»)\]]*(?:\s|$)|[。！？｡។།༎။]+|[^.!?…։።؟۔।॥。！？｡។།༎။\s]\s*$"
"""End of a sentence. The last needs no mark."""


class LengthCheck(CheckSection):
    """Characters of the variant divided by characters of the prompt, both plus five.

    Defaults of this and the other checks come from human translations: NTREX-128, 17 languages.
    """

    min_ratio: ByLanguage = by_language(
        0.45, arb_Arab=0.5, ben_Beng=0.55, deu_Latn=0.65, fra_Latn=0.6, hin_Deva=0.6, jpn_Jpan=0.22,
        kmr_Latn=0.55, kor_Hang=0.28, rus_Cyrl=0.5, spa_Latn=0.6, swh_Latn=0.55, tha_Thai=0.45,
        urd_Arab=0.55, vie_Latn=0.55, yue_Hant=0.17, zho_Hans=0.17, zho_Hant=0.17,
    )  # fmt: skip
    """Least ratio."""
    max_ratio: ByLanguage = by_language(
        2.5, jpn_Jpan=1.4, kor_Hang=1.7, tha_Thai=2.0, yue_Hant=1.3, zho_Hans=1.2, zho_Hant=1.3
    )
    """Greatest ratio."""
    min_kept: ByLanguage = by_language(0.85, pbt_Arab=0.75)
    """Least length for a variant with fewer sentences than its prompt, relative to what is usual."""


def _typical() -> dict[str, float]:
    with LENGTHS.open(encoding="utf-8", newline="") as file:
        return {row["language"]: float(row["ratio"]) for row in csv.DictReader(file)}


_TYPICAL = _typical()


class Length(Check):
    """Characters (code points) of the variant for each character of the prompt.

    - ``length_ratio`` (0 and up) has `PADDING` added to both lengths, which takes the chance out of
      very short texts and changes little in long ones.
    - ``length_kept`` (0 to 1): if the variant has fewer sentences than its prompt, this ratio divided
      by what is usual in the language (``lengths.csv``), at most 1; else 1. Good translations that
      join sentences are as long as others. 1 in languages that do not mark the ends of sentences.
    """

    name = "length"
    version: ClassVar[int] = 2
    section = LengthCheck
    scores = ("length_ratio", "length_kept")
    limits = (
        at_least("length_ratio", "min_ratio", tighten=True),
        at_most("length_ratio", "max_ratio", tighten=True),
        at_least("length_kept", "min_kept"),
    )

    PADDING = 5

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return ``length_ratio`` and ``length_kept``."""
        text, source = (
            pl.col(name).str.strip_chars().str.len_chars() + self.PADDING
            for name in ("text", "source")
        )
        typical = pl.col("language").replace_strict(_TYPICAL, default=None, return_dtype=pl.Float64)
        comparable = (pl.lit(self.source) == ENGLISH) & (_sentences("text") < _sentences("source"))
        kept = pl.when(comparable).then(pl.col("length_ratio") / typical).fill_null(1.0)
        return rows.select("language", "text", "source", length_ratio=text / source).select(
            "length_ratio", length_kept=pl.min_horizontal(kept, 1.0)
        )


def _sentences(column: str) -> pl.Expr:
    """Return the number of ends of sentences, at least 1."""
    return pl.max_horizontal(pl.col(column).str.count_matches(_END), 1)
