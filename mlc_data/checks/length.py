"""Check of the length: a variant is as long as translations into its language are."""

from __future__ import annotations

import polars as pl

from mlc_data.checks.base import Check, CheckSection, at_least, at_most
from mlc_data.languages.by_language import ByLanguage, by_language


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


class Length(Check):
    """Characters (code points) of the variant for each character of the prompt.

    ``length_ratio`` (0 and up) has `PADDING` added to both lengths, which takes the chance out of
    very short texts and changes little in long ones.
    """

    name = "length"
    section = LengthCheck
    scores = ("length_ratio",)
    limits = (
        at_least("length_ratio", "min_ratio", tighten=True),
        at_most("length_ratio", "max_ratio", tighten=True),
    )

    PADDING = 5

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return ``length_ratio``."""
        text, source = (
            pl.col(name).str.strip_chars().str.len_chars() + self.PADDING
            for name in ("text", "source")
        )
        return rows.select(length_ratio=text / source)
