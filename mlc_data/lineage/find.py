"""One row of a run's source, by any of its names: id, number, or words of the prompt."""

from __future__ import annotations

import re
from typing import Any

import polars as pl

from mlc_data.core.parquet import read_parquet
from mlc_data.errors import UsageError
from mlc_data.pipeline.run import Run

HELP = "A row: 12 or row:12, a prompt's id or its first digits, or words of the prompt in quotes."
"""Help of every option and argument that names a row."""

_ID_DIGITS = 16
_LISTED = 5
_NUMBER = re.compile(rf"row:([0-9]+)|([0-9]{{1,{_ID_DIGITS - 1}}})")


def find_row(run: Run, wanted: str) -> dict[str, Any]:
    """Return the one row that is meant, as in ``prompts.parquet``; or, for a row that became no prompt, as in
    ``rejected/prompts.parquet``.

    Raises:
        UsageError: no row matches, or several do (some are listed); or the sources have not been read.
    """
    if not run.path("prompts.parquet").exists():
        raise UsageError(
            f"{run.folder} has no prompts yet: run `mlc-data sources {run.folder}` first"
        )
    prompts = read_parquet(run.path("prompts.parquet"))
    if number := _NUMBER.fullmatch(wanted.strip()):
        row = pl.col("row") == int(number[1] or number[2])
        rejected = read_parquet(run.path("rejected", "prompts.parquet")).filter(row)
        if not rejected.is_empty():
            return rejected.row(0, named=True)
        return _only(run, wanted, prompts.filter(row))
    if wanted.startswith("row:"):
        raise UsageError(f"{wanted!r}: a source row reads row:17 or 17")
    by_id = prompts.filter(pl.col("prompt_id").str.starts_with(wanted))
    return _only(run, wanted, by_id if by_id.height else _with_words(prompts, wanted))


def _with_words(prompts: pl.DataFrame, wanted: str) -> pl.DataFrame:
    """Return the prompts that hold the words in any case; the one that is equal to them, if there is one."""
    text = pl.col("prompt").str.to_lowercase()
    found = prompts.filter(text.str.contains(wanted.strip().lower(), literal=True))
    equal = found.filter(text == wanted.strip().lower())
    return equal if equal.height else found


def _only(run: Run, wanted: str, found: pl.DataFrame) -> dict[str, Any]:
    if found.height == 1:
        return found.row(0, named=True)
    if found.is_empty():
        raise UsageError(
            f"no prompt in {run.folder} with {wanted!r}: a row is named by its number in the source (12 or "
            f"row:12), its id, or words of the prompt. `mlc-data show {run.folder}` lists them"
        )
    some = "\n".join(
        f"  {row['row']}  {row['prompt']}" for row in found.head(_LISTED).iter_rows(named=True)
    )
    more = f"\n  and {found.height - _LISTED} more" if found.height > _LISTED else ""
    raise UsageError(f"{found.height} prompts in {run.folder} with {wanted!r}:\n{some}{more}")
