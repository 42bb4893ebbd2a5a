"""A small decided run, and a sample of it with judgements that follow a rule."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import golden_run
import polars as pl
import pytest

from mlc_data.pipeline.run import Run
from mlc_data.review.sample import draw, keep_sample
from mlc_data.review.sheet import write_sheet


@pytest.fixture(scope="session")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The golden run, not to be changed."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield golden_run.run_golden(tmp_path_factory.mktemp("review"), monkeypatch)


@pytest.fixture
def run(decided: Run, tmp_path: Path) -> Run:
    """A copy of the golden run."""
    folder = tmp_path / "run"
    shutil.copytree(decided.folder, folder)
    return Run(decided.recipe, folder)


@pytest.fixture
def sheet(run: Run, tmp_path: Path) -> Path:
    """A sample of the run as a file to fill in."""
    sample = draw(run, 12, seed=0)
    keep_sample(run, sample)
    path = tmp_path / "sheet.csv"
    write_sheet(sample, path)
    return path


def judge(
    sheet: Path, out: Path, *, reviewer: str | None = None, bad: pl.Expr | None = None
) -> Path:
    """Fill in a sheet: rejected variants are bad, unless ``bad`` (over its columns) says otherwise."""
    rule = pl.col("verdict") == "rejected" if bad is None else bad
    judgement = pl.when(rule).then(pl.lit("bad")).otherwise(pl.lit("good"))
    table = pl.read_csv(sheet, infer_schema=False)
    table.with_columns(judgement=judgement, reviewer=pl.lit(reviewer)).write_csv(out)
    return out
