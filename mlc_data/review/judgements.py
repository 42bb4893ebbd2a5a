"""Judgements of people, read from their files and kept with the run."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from mlc_data.core.files import atomic_file
from mlc_data.core.parquet import read_table, write_table
from mlc_data.errors import UsageError
from mlc_data.pipeline.layout import REVIEW_FOLDER
from mlc_data.pipeline.run import Run
from mlc_data.review.sample import SAMPLE
from mlc_data.review.sheet import read_sheet

log = logging.getLogger(__name__)

GOOD, BAD = "good", "bad"

JUDGED: dict[str, pl.DataType] = {
    **SAMPLE,
    "judgement": pl.String(),
    "reviewer": pl.String(),
    "note": pl.String(),
}
"""``review/judged-<id>.parquet``: one row a judgement (good or bad) of a row of the sample ``<id>``."""

_SHOWN = 10
"""Faults of a file that an error lists."""


def read_judgements(path: Path, sample: pl.DataFrame) -> pl.DataFrame:
    """Return the judgements in a file (`JUDGED`); rows whose judgement is empty are left out.

    A row without a reviewer's name is that of the file's name.

    Raises:
        UsageError: nothing is judged, or a row is wrong; names its number, where the header is row 1, and
            what to write.
    """
    sheet = read_sheet(path).with_columns(
        pl.col("row").str.strip_chars(),
        pl.col("judgement").str.strip_chars().str.to_lowercase(),
        pl.col("reviewer").str.strip_chars().replace("", None).fill_null(path.stem),
    )
    sheet = sheet.with_columns(pl.col("judgement").replace("", None))
    faults = sorted(set(_faults(sheet, sample)))
    if faults:
        more = f"\n  ... and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        lines = "".join(f"\n  row {number}: {what}" for number, what in faults[:_SHOWN])
        raise UsageError(f"--import: {path} cannot be used (the header is row 1):{lines}{more}")
    judged = sheet.drop_nulls("judgement")
    if judged.is_empty():
        raise UsageError(
            f"--import: {path} has no judgement: write {GOOD} or {BAD} into the column judgement"
        )
    filled = judged.select("row", "judgement", "reviewer", "note")
    return filled.join(sample, on="row", how="inner", maintain_order="left").select(list(JUDGED))


def _faults(sheet: pl.DataFrame, sample: pl.DataFrame) -> Iterator[tuple[int, str]]:
    """Yield the number of each wrong row, and what is wrong with it."""
    variants = dict(sample.select("row", "variant").iter_rows())
    owners: Mapping[str, str] = {text: row for row, text in variants.items()}
    seen: dict[tuple[str, str], int] = {}
    columns = ("number", "row", "variant", "judgement", "reviewer")
    for number, row, variant, judgement, reviewer in sheet.select(columns).iter_rows():
        if row is None:
            if judgement is not None:
                yield (
                    number,
                    "it has a judgement and no row id: leave the column row as it was written",
                )
            continue
        if row not in variants:
            yield number, f"{row!r} is not in the sample: leave the column row as it was written"
            continue
        if variant is not None and variant != variants[row] and variant in owners:
            yield (
                number,
                f"the variant belongs to {owners[variant]}: was a column sorted on its own?",
            )
        if judgement not in (None, GOOD, BAD):
            yield number, f"judgement {judgement!r}: write {GOOD} or {BAD}, or leave it empty"
        elif (
            judgement is not None and (first := seen.setdefault((row, reviewer), number)) != number
        ):
            yield (
                number,
                f"{reviewer!r} has judged {row} in row {first} already: keep one of the two",
            )


def choose_sample(paths: Sequence[Path], samples: Mapping[str, pl.DataFrame]) -> str:
    """Return the id of the sample that files were written from: the one with most of their rows.

    Raises:
        UsageError: no sample of the run has any of their rows.
    """
    rows = pl.concat([read_sheet(path).select(pl.col("row").str.strip_chars()) for path in paths])
    common = {
        name: rows.join(sample, on="row", how="semi").height for name, sample in samples.items()
    }
    # Samples may share rows: of several with as many, the smallest is the likelier origin.
    best = max(common, key=lambda name: (common[name], -samples[name].height), default=None)
    if best is None or not common[best]:
        raise UsageError(
            f"--import: no row of {', '.join(map(str, paths))} is in a sample of this run: write one with "
            "--sample, and leave its column row as it is"
        )
    return best


def judged_path(run: Run, sample: str) -> Path:
    """Return the file that keeps the judgements of a sample."""
    return run.path(REVIEW_FOLDER, f"judged-{sample}.parquet")


def keep_judgements(run: Run, sample: str, judgements: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Add judgements to those of a sample and return all; a reviewer's later one replaces an earlier one."""
    path = judged_path(run, sample)
    before = [read_table(path, JUDGED)] if path.is_file() else []
    added = pl.concat(judgements)
    both = pl.concat([*before, added]).unique(["row", "reviewer"], keep="last", maintain_order=True)
    changed = sum(table.height for table in before) + added.height - both.height
    if changed:
        log.info("review: %d judgements replace earlier ones of the same reviewers", changed)
    with atomic_file(path) as temporary:
        write_table(both, temporary, JUDGED)
    return both
