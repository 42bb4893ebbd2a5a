"""Variant sets as the loss and the measures read them from a run."""

from __future__ import annotations

import polars as pl

from mlc_data.core.parquet import with_schema
from mlc_data.core.records import SETS, Split
from mlc_data.errors import UsageError
from mlc_data.pipeline.run import Run

MIN_SETS = 2
"""Least number of held-out sets that can be compared with each other."""


def held_out(run: Run) -> pl.DataFrame:
    """Return the held-out variant sets with at least two languages, in order of their prompt ids.

    Raises:
        UsageError: the sets have not been built yet.
    """
    files = sorted(run.path("sets").glob(f"{Split.TEST}-*.parquet"))
    if not files:
        raise UsageError(f"{run.folder} has no sets/{Split.TEST}-*.parquet: build the sets first")
    frame = pl.concat([with_schema(pl.read_parquet(file), SETS, str(file)) for file in files])
    return frame.filter(pl.col("variants").list.len() > 0).sort("prompt_id")
