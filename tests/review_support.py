"""Judgements that follow a rule, for tests of the review."""

from __future__ import annotations

from pathlib import Path

import polars as pl


def judge(
    sheet: Path, out: Path, *, reviewer: str | None = None, bad: pl.Expr | None = None
) -> Path:
    """Fill in a sheet: rejected variants are bad, unless ``bad`` (over its columns) says otherwise."""
    rule = pl.col("verdict") == "rejected" if bad is None else bad
    judgement = pl.when(rule).then(pl.lit("bad")).otherwise(pl.lit("good"))
    table = pl.read_csv(sheet, infer_schema=False)
    table.with_columns(judgement=judgement, reviewer=pl.lit(reviewer)).write_csv(out)
    return out
