"""Variant sets as the loss and the measures read them from a run."""

from __future__ import annotations

import polars as pl

from mlc_data.core.parquet import read_table
from mlc_data.core.records import SETS, Split
from mlc_data.errors import UsageError
from mlc_data.pipeline.run import Run

MIN_SETS = 2
"""Least number of held-out sets that can be compared with each other."""


def read_sets(run: Run, split: Split) -> pl.DataFrame:
    """Return the variant sets of one split, in order of their prompt ids.

    Raises:
        UsageError: the sets have not been built yet.
    """
    files = sorted(run.path("sets").glob(f"{split}-*.parquet"))
    if not files:
        raise UsageError(f"{run.folder} has no sets/{split}-*.parquet: build the sets first")
    frame = pl.concat([read_table(file, SETS) for file in files])
    return frame.sort("prompt_id")


def held_out(run: Run) -> pl.DataFrame:
    """Return the held-out sets with at least two languages, as `read_sets` does."""
    return read_sets(run, Split.TEST).filter(pl.col("variants").list.len() > 0)
