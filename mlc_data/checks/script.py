"""Is the variant written in the language's script?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from mlc_data.checks.base import VariantReason, threshold
from mlc_data.checks.spans import names, without_spans, words
from mlc_data.languages import get_language
from mlc_data.recipe import ScriptCheck

# ISO 15924 codes that stand for several Unicode scripts.
_PARTS = {
    "Hans": ("Hani", "Bopo"),
    "Hant": ("Hani", "Bopo"),
    "Jpan": ("Hira", "Kana", "Hani"),
    "Hang": ("Hang", "Hani"),
}
_LETTERS = r"[\p{L}--\p{Script=Common}--\p{Script=Inherited}]"


def unicode_scripts(code: str) -> tuple[str, ...]:
    """The Unicode scripts that a language (FLORES-200 code) is written in: Japanese in three."""
    script = get_language(code).script
    return _PARTS.get(script, (script,))


@dataclass(frozen=True)
class Script:
    """Share of the letters that are in the language's script.

    ``script_share`` (0 to 1): combining marks, digits, addresses, placeholders and the prompt's
    names do not count. A variant without letters has 0, or 1 if its prompt has none either.
    """

    settings: ScriptCheck = ScriptCheck()
    reason = VariantReason.SCRIPT
    scores = ("script_share",)

    @property
    def enabled(self) -> bool:
        """As the recipe says."""
        return self.settings.enabled

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """``script_share``."""
        pairs = zip(rows["source"].to_list(), rows["text"].to_list(), strict=True)
        texts = pl.Series("text", [_to_judge(*pair) for pair in pairs], dtype=pl.String)
        frame = pl.DataFrame([texts, rows["source"], rows["language"]])
        letters = pl.col("text").str.count_matches(_LETTERS)
        nothing_expected = pl.col("source").str.count_matches(_LETTERS) == 0
        return frame.select(
            script_share=pl.when(letters > 0)
            .then(_in_script(frame["language"].unique().sort()) / letters)
            .otherwise(nothing_expected.cast(pl.Float64))
        )

    def passes(self) -> pl.Expr:
        """At least the language's share."""
        return pl.col("script_share") >= threshold(self.settings.min_share)


def _to_judge(source: str, text: str) -> str:
    cleaned = without_spans(text)
    kept = names(source)
    if not kept or kept.isdisjoint(words(cleaned)):
        return cleaned
    return " ".join(word for word in words(cleaned) if word not in kept)


def _in_script(languages: Iterable[str]) -> pl.Expr:
    """Number of letters of ``text`` in the script of ``language``."""
    wanted: dict[tuple[str, ...], list[str]] = {}
    for code in languages:
        wanted.setdefault(unicode_scripts(code), []).append(code)
    counts = pl.lit(0, dtype=pl.UInt32)
    for scripts, codes in wanted.items():
        either = "".join(rf"\p{{Script={script}}}" for script in scripts)
        counts = (
            pl.when(pl.col("language").is_in(codes))
            .then(pl.col("text").str.count_matches(rf"[[{either}]&&\p{{L}}]"))
            .otherwise(counts)
        )
    return counts
