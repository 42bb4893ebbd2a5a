"""Keys: a raised version redoes its stage and those that depend on it, and nothing else does."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import golden_run
import pytest

from mlc_data.checks.length import Length
from mlc_data.core import manifest
from mlc_data.execute import first_pending, run_stages
from mlc_data.pipeline.run import Run
from mlc_data.stages import BUILD, STAGES


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A finished run, whose tables the tests leave as they are."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        yield golden_run.run_golden(tmp_path_factory.mktemp("golden"), monkeypatch)


def test_nothing_is_pending_after_a_run(run: Run) -> None:
    assert first_pending(run, BUILD) is None


def test_another_release_redoes_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "__version__", "0.1.1")
    assert set(run_stages(run, "sets").values()) == {True}
    assert run.manifest.versions["mlc-data"] == "0.1.1"


def test_other_docstrings_redo_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for stage in STAGES:
        monkeypatch.setattr(type(stage), "__doc__", "Other words.")
    assert set(run_stages(run, "sets").values()) == {True}


def test_a_raised_check_version_scores_again_and_keeps_translations(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(Length, "version", Length.version + 1)
    again = Run(run.recipe, shutil.copytree(run.folder, tmp_path / "run"))
    reused = run_stages(again, "sets")
    assert reused["sources"] and reused["translate"]
    assert not reused["score"] and not reused["rescue"] and not reused["check"]


@pytest.mark.parametrize("name", BUILD)
def test_a_raised_stage_version_redoes_the_stage(
    run: Run, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    stage: Callable[..., Any] = type(next(stage for stage in STAGES if stage.name == name))
    monkeypatch.setattr(stage, "version", 99)
    assert first_pending(run, BUILD) == name
