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
