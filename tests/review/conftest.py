"""A small decided run, and a sample of it with judgements that follow a rule."""

from __future__ import annotations

import shutil
from pathlib import Path

import golden_run
import pytest

from mlc_data.language_id import packaged
from mlc_data.pipeline.run import Run
from mlc_data.review.sample import draw, keep_sample
from mlc_data.review.sheet import write_sheet


@pytest.fixture(scope="session")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The golden run, not to be changed."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        return golden_run.run_golden(tmp_path_factory.mktemp("review"), monkeypatch)


@pytest.fixture(autouse=True)
def identifier(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run's language identifier can be loaded."""
    monkeypatch.setitem(packaged.PACKAGED, golden_run.IDENTIFIER, golden_run.RuleIdentifier)


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
