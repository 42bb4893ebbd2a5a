"""Sentences of prompts with their back-translations."""

from __future__ import annotations

import polars as pl


def returned(rows: pl.DataFrame) -> pl.DataFrame:
    """Return ``index``, ``source`` and ``back`` (never null) of each sentence that was translated back.

    A row with one sentence, or none, counts as a whole. Sentences that came back exactly, except for
    case and white space, are left out: nothing is wrong with them.
    """
    segment = pl.col("segments").struct
    several = pl.col("segments").list.len() > 1
    indexed = rows.select("source", "back_translation", "segments").with_row_index()
    wholes = indexed.filter(~several.fill_null(value=False))
    sentences = (
        indexed.filter(several)
        .select("index", "segments")
        .explode("segments")
        .select("index", source=segment.field("source"), back=segment.field("back"))
    )
    return pl.concat([wholes.select("index", "source", back="back_translation"), sentences]).filter(
        pl.col("back").is_not_null() & (plain("source") != plain("back"))
    )


def plain(column: str) -> pl.Expr:
    """Return a column's text in lower case with single blanks."""
    return pl.col(column).str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
