"""Readers of a run's translations and scores, part by part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from mlc_data.checks.verdicts import STALE, scores_schema
from mlc_data.core.parquet import read_parquet, read_table, scan_parquet, with_schema
from mlc_data.core.records import TRANSLATIONS
from mlc_data.errors import MlcDataError
from mlc_data.pipeline.run import Run

SCORES = "scores/scores.parquet"
LIMITS_FILE = "scores/limits.parquet"
"""Limits by language from the run's mismatched pairs, see `mlc_data.checks.run_limits`."""
ROWS_AT_ONCE = 2000
"""Translations that are scored together."""


def files(run: Run) -> list[Path]:
    """Return the files of translations, in order."""
    return sorted(run.path("translations").glob("*.parquet"))


def parts(run: Run) -> Iterator[pl.DataFrame]:
    """Yield the translations in order, up to `ROWS_AT_ONCE` rows at a time."""
    for file in files(run):
        yield from read_table(file, TRANSLATIONS).iter_slices(ROWS_AT_ONCE)


def translated(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that did not fail."""
    return rows.filter(pl.col("failure").is_null())


def refuse_stale(run: Run, scored: int) -> None:
    """Refuse scores that do not belong to the run's translations.

    Args:
        run: the run.
        scored: number of translations that did not fail.

    Raises:
        MlcDataError: there are more or fewer scores.
    """
    if scan_parquet(run.path(SCORES)).select(pl.len()).collect().item() != scored:
        raise MlcDataError(STALE)


def scores_of(
    run: Run, names: Sequence[str], file: Path, begun: int
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """Yield parts of a file of translations, without their segments, each with its scores.

    Args:
        run: the run.
        names: names of the scores.
        file: the file, see `files`.
        begun: number of scores of the files before it.
    """
    path = run.path(SCORES)
    with_schema(read_parquet(path, n_rows=0), scores_schema(names), str(path))
    table = read_table(file, TRANSLATIONS).drop("segments")
    # Read once per file: each slice reads the index of the whole table, which grows with every file.
    scores = scan_parquet(path).slice(begun, table["failure"].null_count()).collect()
    taken = 0
    for rows in table.iter_slices(ROWS_AT_ONCE):
        number = rows["failure"].null_count()
        yield rows, scores.slice(taken, number)
        taken += number
