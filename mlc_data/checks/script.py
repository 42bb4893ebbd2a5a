"""Check of the script: a variant is written in its language's script and way of writing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import ClassVar

import polars as pl

from mlc_data.checks.base import Check, CheckSection, at_least
from mlc_data.checks.english.words import FUNCTION_WORDS
from mlc_data.languages.by_language import ByLanguage, by_language
from mlc_data.languages.flores import get_language
from mlc_data.text.spans import names, without_spans

# ISO 15924 codes that stand for several Unicode scripts.
_PARTS = {
    "Hans": ("Hani",),
    "Hant": ("Hani",),
    "Jpan": ("Hira", "Kana", "Hani"),
    "Hang": ("Hang", "Hani"),
}
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f][A-Za-z\u00c0-\u024f0-9'’-]*")
_ENDING = re.compile(r"['’-]")
_LETTERS = r"[\p{L}--\p{Script=Common}--\p{Script=Inherited}]"

# Characters that only one of two related ways of writing has. Written by benchmarks/han_table.py from OpenCC's
# tables (Apache-2.0) and the character sets GB 2312, Big5 and JIS X 0208. In NTREX-128 (1,997 sentences a
# language) no Simplified text has a Traditional character, no Traditional text a Simplified one, and no Japanese
# text one that is not Japanese.
_HAN = {
    name: "".join(lines)
    for name, lines in json.loads(
        (Path(__file__).parent / "data" / "han.json").read_text(encoding="utf-8")
    ).items()
}
_KANA = r"\p{Hiragana}\p{Katakana}"
_OWN = {
    "Hans": f"[{_HAN['simplified']}]",
    "Hant": f"[{_HAN['traditional']}]",
    "Jpan": f"[{_KANA}]",
    "Hang": r"\p{Hangul}",
}
_FOREIGN = {
    "Hans": f"[{_HAN['traditional']}{_KANA}]",
    "Hant": f"[{_HAN['simplified']}{_KANA}]",
    "Jpan": f"[{_HAN['not_japanese']}]",
    "Hang": f"[{_KANA}]",
}
_HAN_WITHOUT_KANA = 10
"""None of 1,997 Japanese sentences has so many Chinese characters and no kana."""


def unicode_scripts(code: str) -> tuple[str, ...]:
    """Return the Unicode scripts of a language (FLORES-200 code): three for Japanese."""
    script = get_language(code).script
    return _PARTS.get(script, (script,))


class ScriptCheck(CheckSection):
    """Share of letters that are in the expected script."""

    min_share: ByLanguage = by_language(
        0.7, jpn_Jpan=0.5, kor_Hang=0.5, tha_Thai=0.35, yue_Hant=0.3, zho_Hans=0.35, zho_Hant=0.3
    )
    """Least share of letters (0 to 1)."""
    min_variety: ByLanguage = by_language(0.5)
    """Least share (0 to 1) of the language's own among the characters that only one of several
    related ways of writing has: Simplified and Traditional Chinese, Japanese, Korean."""


class Script(Check):
    """Share of the text in the language's script, and in its way of writing it.

    - ``script_share`` (0 to 1): share of the letters that are in the script. Combining marks, digits,
      addresses, placeholders and the prompt's names do not count. A variant without letters has 0, or
      1 if its prompt has none either.
    - ``script_variety_share`` (0 to 1): share of the language's own among the characters that
      distinguish related ways of writing: Simplified from Traditional Chinese, both from Japanese,
      Korean from both. 1 where there are none, and for languages without such relatives. Language
      identifiers cannot distinguish them (``zh`` is both); the characters can.
    """

    name = "script"
    version: ClassVar[int] = 3
    section = ScriptCheck
    scores = ("script_share", "script_variety_share")
    limits = (
        at_least("script_share", "min_share", loosest=0.2),
        at_least("script_variety_share", "min_variety"),
    )

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return ``script_share`` and ``script_variety_share``."""
        frame = pl.DataFrame(
            {
                "text": without_spans(rows["text"]),
                "source": without_spans(rows["source"]),
                "language": rows["language"],
            }
        )
        in_script = letters_in_script(rows["language"].unique().sort())
        mixed = frame.select(pl.col("text").str.count_matches(_LETTERS) > in_script).to_series()
        # Names matter only in texts with letters of several scripts, which are few.
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


def _without_names(texts: pl.Series, sources: pl.Series, where: pl.Series) -> pl.Series:
    """Return the texts without words that are names in their prompts; null where ``where`` is False."""
    own = sources.filter(where)
    rows = zip(texts.filter(where), own, names(own).to_list(), strict=True)
    rest = [
        _drop(text, frozenset(kept) | _beside(kept, source, text)) for text, source, kept in rows
    ]
    return pl.Series("text", [None] * len(texts), dtype=pl.String).scatter(where.arg_true(), rest)


def _beside(kept: Sequence[str], source: str, text: str) -> set[str]:
    """Return the words that stand beside a name in a prompt and in a text: drive, of google drive."""
    known, lower = frozenset(kept), text.lower()
    found = set[str]()
    for pair in pairwise(_LATIN.findall(source.lower())):
        new = set(pair) - known - FUNCTION_WORDS
        if len(new) == 1 and not known.isdisjoint(pair) and " ".join(pair) in lower:
            found |= new
    return found


def _drop(text: str, kept: frozenset[str]) -> str:
    return _LATIN.sub(lambda match: "" if _is_kept(match[0].lower(), kept) else match[0], text)


def _is_kept(word: str, kept: frozenset[str]) -> bool:
    """Return whether a Latin word is one of the names, perhaps with an ending or hyphens of its own."""
    whole = word.strip("'’-")
    forms = (whole, whole.replace("-", ""), *_ENDING.split(whole)[:1], whole.removesuffix("s"))
    return any(form in kept for form in forms) or f"{whole}s" in kept


def letters_in_script(languages: Iterable[str]) -> pl.Expr:
    """Return the number of letters of ``text`` in the script of ``language``."""
    codes_by_scripts: dict[tuple[str, ...], list[str]] = {}
    for code in languages:
        codes_by_scripts.setdefault(unicode_scripts(code), []).append(code)
    counts = pl.lit(0, dtype=pl.UInt32)
    for scripts, codes in codes_by_scripts.items():
        either = "".join(rf"\p{{Script={script}}}" for script in scripts)
        counts = (
            pl.when(pl.col("language").is_in(codes))
            .then(pl.col("text").str.count_matches(rf"[[{either}]&&\p{{L}}]"))
            .otherwise(counts)
        )
    return counts


def _variety(languages: Iterable[str]) -> pl.Expr:
    """Return the share of the language's own characters among those that distinguish it from its relatives."""
    share = pl.lit(1.0)
    text, by_script = pl.col("text"), dict[str, list[str]]()
    for code in languages:
        by_script.setdefault(get_language(code).script, []).append(code)
    for script in sorted(by_script.keys() & _OWN.keys()):
        own, foreign = (text.str.count_matches(sets[script]) for sets in (_OWN, _FOREIGN))
        han = text.str.count_matches(r"\p{Han}")
        if script == "Jpan":
            foreign += ((own == 0) & (han >= _HAN_WITHOUT_KANA)).cast(pl.UInt32)
        elif script == "Hang":
            foreign += han
        variety = pl.when(own + foreign > 0).then(own / (own + foreign)).otherwise(1.0)
        share = pl.when(pl.col("language").is_in(by_script[script])).then(variety).otherwise(share)
    return share
