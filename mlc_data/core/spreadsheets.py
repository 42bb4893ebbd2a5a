"""Cells of CSV files that a spreadsheet must not run as formulas: used by everything that writes CSV for people."""

from __future__ import annotations

import polars as pl

ACTIVE = r"^[\s\p{Cc}\p{Cf}]*[=+\-@＝＋－＠]|^[\t\r\n]"
"""Beginnings that a spreadsheet takes for a formula, or drops before it looks for one."""
_MARK = "'"


def neutral(name: str) -> pl.Expr:
    """Return a column of texts that a spreadsheet shows as they are.

    A cell that would be taken for a formula begins with an apostrophe, and so does one that began with an apostrophe
    already, so that `restored` gives every text back.
    """
    cell = pl.col(name)
    active = cell.str.contains(ACTIVE) | cell.str.starts_with(_MARK)
    return pl.when(active).then(pl.concat_str(pl.lit(_MARK), name)).otherwise(cell).alias(name)


def restored(name: str, *, written_by_people: bool = False) -> pl.Expr:
    """Return a column as it was before `neutral`; where people wrote it, an apostrophe before a word stays."""
    cell = pl.col(name)
    marked = cell.str.starts_with(_MARK)
    if written_by_people:
        marked &= cell.str.slice(1).str.contains(ACTIVE)
    return pl.when(marked).then(cell.str.slice(1)).otherwise(cell).alias(name)
