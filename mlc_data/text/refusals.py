"""Phrases by which assistants decline a request, or say what they are, by language (``data/``)."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from pathlib import Path

import polars as pl

ENGLISH = "eng_Latn"


def read_patterns(path: Path) -> Mapping[str, str]:
    """A JSON file with lists of regular expressions by FLORES-200 code, as one expression each."""
    lists: dict[str, list[str]] = json.loads(path.read_text(encoding="utf-8"))
    return {
        code: unicodedata.normalize("NFC", "|".join(f"(?:{one})" for one in phrases))
        for code, phrases in lists.items()
    }


_DATA = Path(__file__).parent / "data"

REFUSALS = read_patterns(_DATA / "refusals.json")
"""By FLORES-200 code: what matches the phrases by which help or an answer is denied, in text that
`plain` has prepared. "Sorry" and "I can't" alone say nothing and are not among them."""

ASSISTANTS = read_patterns(_DATA / "assistants.json")
"""By FLORES-200 code: phrases by which an assistant says that it is one ("as an AI"). A translation has
no such thing to say; a reply may have."""


def plain(column: str) -> pl.Expr:
    """A column of text as the phrases are written: in lower case, with straight apostrophes,
    half-width commas and single blanks."""
    return (
        pl.col(column)
        .str.normalize("NFC")
        .str.to_lowercase()
        .str.replace_all("’", "'", literal=True)
        .str.replace_all("\uff0c", ",", literal=True)
        .str.replace_all(r"\s+", " ")
    )
