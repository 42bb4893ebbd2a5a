"""Phrases with which assistants decline a request, or say what they are, by language (``data/``)."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from pathlib import Path

import polars as pl

ENGLISH = "eng_Latn"


def read_patterns(path: Path) -> Mapping[str, str]:
    """Read lists of regular expressions by FLORES-200 code from JSON; return one expression for each."""
    lists: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
    return {
        code: unicodedata.normalize("NFC", "|".join(f"(?:{phrase})" for phrase in phrases))
        for code, phrases in lists.items()
    }


_DATA = Path(__file__).parent / "data"

REFUSALS = read_patterns(_DATA / "refusals.json")
"""Pattern by FLORES-200 code of phrases that refuse help or an answer, for text prepared by `plain`.
"Sorry" and "I can't" alone do not count."""

ASSISTANTS = read_patterns(_DATA / "assistants.json")
"""Pattern by FLORES-200 code of phrases with which an assistant refers to itself ("as an AI"): a sign of
a failed translation, though not of a refusal in a reply."""


def plain(column: str) -> pl.Expr:
    """Return a column of text in the form of the phrases: lower case, straight apostrophes, half-width
    commas and single blanks."""
    return (
        pl.col(column)
        .str.normalize("NFC")
        .str.to_lowercase()
        .str.replace_all("’", "'", literal=True)
        .str.replace_all("\uff0c", ",", literal=True)
        .str.replace_all(r"\s+", " ")
    )


def _declines(path: Path) -> Mapping[str, str]:
    """Read lists of apologies, inabilities and services; return one expression a language.

    It matches an inability shortly after an apology, or beside a service, within a sentence.
    """
    parts: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8"))
    gap = r"[^.!?\n。！？।۔؟]"
    return {
        code: unicodedata.normalize(
            "NFC",
            f"(?:{each['sorry']}){gap}{{0,60}}?[.!。！।۔]?{gap}{{0,40}}?(?:{each['cannot']})"
            f"|(?:{each['cannot']}){gap}{{0,40}}?(?:{each['help']})"
            f"|(?:{each['help']}){gap}{{0,25}}?(?:{each['cannot']})",
        )
        for code, each in parts.items()
    }


DECLINES = _declines(_DATA / "declines.json")
"""Pattern by FLORES-200 code of what declines or only reports an inability ("no puedo ayudarle": I cannot
help you, or him). A refusal unless the prompt has an inability, too: `INABILITY`."""

INABILITY = (
    r"\b(?:can(?:'t|not| not|nt)|could(?:n't| not)|won't|will not|unable|not (?:\w+ )?able|incapable|not allowed|"
    r"not permitted|powerless|helpless|impossible|refus\w*|declin\w*|not possible|fail(?:s|ed|ing)? to|"
    r"don't know how|no way|neither|nor|never|hardly|cannot|without being able|too \w+ to)\b"
)
"""Pattern of words with which an English text says that something cannot be done."""
