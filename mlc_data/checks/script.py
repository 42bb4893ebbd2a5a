"""Is the variant written in the language's script?"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

from mlc_data.checks.base import VariantReason, at_least, within
from mlc_data.checks.han import NOT_JAPANESE, SIMPLIFIED, TRADITIONAL
from mlc_data.languages.flores import get_language
from mlc_data.recipe.checks import ScriptCheck
from mlc_data.text.spans import names, without_spans

# ISO 15924 codes that stand for several Unicode scripts.
_PARTS = {
    "Hans": ("Hani",),
    "Hant": ("Hani",),
    "Jpan": ("Hira", "Kana", "Hani"),
    "Hang": ("Hang", "Hani"),
}
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f][A-Za-z\u00c0-\u024f0-9'’-]*")
_LETTERS = r"[\p{L}--\p{Script=Common}--\p{Script=Inherited}]"

# Characters that only the one, or only the other, of two related ways of writing has.
_KANA = r"\p{Hiragana}\p{Katakana}"
_OWN = {
    "Hans": f"[{SIMPLIFIED}]",
    "Hant": f"[{TRADITIONAL}]",
    "Jpan": f"[{_KANA}]",
    "Hang": r"\p{Hangul}",
}
_FOREIGN = {
    "Hans": f"[{TRADITIONAL}{_KANA}]",
    "Hant": f"[{SIMPLIFIED}{_KANA}]",
    "Jpan": f"[{NOT_JAPANESE}]",
    "Hang": f"[{_KANA}]",
}
_HAN_WITHOUT_KANA = 10
"""Of 1,997 Japanese sentences none has so many Chinese characters and no kana."""


def unicode_scripts(code: str) -> tuple[str, ...]:
    """The Unicode scripts that a language (FLORES-200 code) is written in: Japanese in three."""
    script = get_language(code).script
    return _PARTS.get(script, (script,))


@dataclass(frozen=True)
class Script:
    """Is the text in the language's script, and in its way of writing it?

    - ``script_share`` (0 to 1): share of the letters that are in the script. Combining marks, digits,
      addresses, placeholders and the prompt's names do not count. A variant without letters has 0, or
      1 if its prompt has none either.
    - ``script_variety_share`` (0 to 1): share of the language's own among the characters that tell
      related ways of writing apart: Simplified from Traditional Chinese, both from Japanese, Korean
      from both. 1 where there are none, and for languages that have no such relatives. Language
      identifiers cannot tell these (``zh`` is both); the characters can.
    """

    settings: ScriptCheck = field(default_factory=ScriptCheck)
    reason = VariantReason.SCRIPT
    scores = ("script_share", "script_variety_share")
    limits = (
        at_least("script_share", "min_share"),
        at_least("script_variety_share", "min_variety"),
    )

    @property
    def enabled(self) -> bool:
        """As the recipe says."""
        return self.settings.enabled

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """``script_share`` and ``script_variety_share``."""
        frame = pl.DataFrame(
            {
                "text": without_spans(rows["text"]),
                "source": without_spans(rows["source"]),
                "language": rows["language"],
            }
        )
        in_script = _in_script(rows["language"].unique().sort())
        mixed = frame.select(pl.col("text").str.count_matches(_LETTERS) > in_script).to_series()
        # Names matter only where letters of several scripts meet, and that is seldom.
        texts = frame["text"].zip_with(
            ~mixed, _without_names(frame["text"], frame["source"], mixed)
        )
        letters = pl.col("text").str.count_matches(_LETTERS)
        nothing_expected = pl.col("source").str.count_matches(_LETTERS) == 0
        return frame.with_columns(text=texts).select(
            script_share=pl.when(letters > 0)
            .then(in_script / letters)
            .otherwise(nothing_expected.cast(pl.Float64)),
            script_variety_share=_variety(rows["language"].unique().sort()),
        )

    def passes(self) -> pl.Expr:
        """At least the language's shares."""
        return within(self.settings, self.limits)


def _without_names(texts: pl.Series, sources: pl.Series, where: pl.Series) -> pl.Series:
    """The texts without the words that are names in their prompts; null but ``where`` asked for."""
    pairs = zip(texts.filter(where), names(sources.filter(where)).to_list(), strict=True)
    rest = [_drop(text, frozenset(kept)) for text, kept in pairs]
    return pl.Series("text", [None] * len(texts), dtype=pl.String).scatter(where.arg_true(), rest)


def _drop(text: str, kept: frozenset[str]) -> str:
    return _LATIN.sub(lambda match: "" if match[0].lower() in kept else match[0], text)


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


def _variety(languages: Iterable[str]) -> pl.Expr:
    """Share of the language's own characters among those that tell it from its relatives."""
    share = pl.lit(1.0)
    text, by_script = pl.col("text"), dict[str, list[str]]()
    for code in languages:
        by_script.setdefault(get_language(code).script, []).append(code)
    for script in sorted(by_script.keys() & _OWN.keys()):
        own, foreign = (text.str.count_matches(one[script]) for one in (_OWN, _FOREIGN))
        han = text.str.count_matches(r"\p{Han}")
        if script == "Jpan":
            foreign += ((own == 0) & (han >= _HAN_WITHOUT_KANA)).cast(pl.UInt32)
        elif script == "Hang":
            foreign += han
        found = pl.when(own + foreign > 0).then(own / (own + foreign)).otherwise(1.0)
        share = pl.when(pl.col("language").is_in(by_script[script])).then(found).otherwise(share)
    return share
