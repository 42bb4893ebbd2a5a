"""Verdicts under other thresholds, from stored scores, compared with those of the run. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from mlc_data.checks.stage import KEPT, REJECTED, decide, decided_by, recipe_checks
from mlc_data.core.parquet import read_parquet
from mlc_data.core.records import KEYS, Status
from mlc_data.errors import UsageError
from mlc_data.pipeline.run import Run


@dataclass(frozen=True)
class Flips:
    """Variants whose verdict would change.

    Attributes:
        table: ``prompt_id``, ``language``, ``text``, ``before`` and ``after`` (``kept``, or the first reason).
        total: number of variants compared.
    """

    table: pl.DataFrame
    total: int

    def by_language(self) -> pl.DataFrame:
        """Return counts a language: ``rejected``, ``kept`` (after the change), ``reasons`` of the rejected."""
        rejected = pl.col("after") != Status.KEPT
        return (
            self.table.group_by("language")
            .agg(
                rejected.sum().alias("rejected"),
                (~rejected).sum().alias("kept"),
                pl.col("after").filter(rejected).unique().sort().str.join(", ").alias("reasons"),
            )
            .sort("language")
        )


def preview(run: Run) -> Flips:
    """Decide again with the recipe's thresholds and compare with the verdicts on disk.

    Raises:
        UsageError: the run has no scores or no verdicts yet.
    """
    if not run.path("scores").is_dir() or not run.path(KEPT).is_file():
        raise UsageError(
            f"{run.folder} has no verdicts to compare with: mlc-data sets {run.folder}"
        )
    kept = pl.lit(str(Status.KEPT))
    before = pl.concat(
        [
            read_parquet(run.path(KEPT), columns=list(KEYS)).with_columns(before=kept),
            read_parquet(run.path(REJECTED)).select(*KEYS, before="reason"),
        ]
    )
    parts = [
        table.select(*KEYS, "text", after=pl.coalesce("reason", kept))
        for table in decide(run, recipe_checks(decided_by(run)))
    ]
    both = pl.concat(parts).join(before, on=list(KEYS), how="left", maintain_order="left")
    flipped = both.filter((pl.col("before") == Status.KEPT) != (pl.col("after") == Status.KEPT))
    return Flips(flipped.select(*KEYS, "text", "before", "after"), both.height)
