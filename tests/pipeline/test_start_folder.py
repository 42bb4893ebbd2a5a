"""Where a run's relative paths start, told from its folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlc_data.pipeline.run import Run
from mlc_data.pipeline.start_folder import start_folder
from mlc_data.recipe.loading import parse_recipe


@pytest.fixture
def project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: dict[str, Any]
) -> tuple[Path, Run]:
    """Return a project's folder with its file of prompts, and a run below it, named from another folder."""
    folder = tmp_path / "project"
    small["sources"]["prompts"]["path"] = "data/mine.jsonl"
    for inside in ("data", "runs/mine"):
        (folder / inside).mkdir(parents=True)
    (folder / "data" / "mine.jsonl").write_text("{}\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return folder, Run.create(parse_recipe(small, "test"), Path("../project/runs/mine"))


def test_the_project_s_folder_is_found_from_elsewhere(project: tuple[Path, Run]) -> None:
    folder, run = project
    assert start_folder(run) == folder


def test_a_file_that_is_here_needs_none(
    project: tuple[Path, Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, run = project
    monkeypatch.chdir(folder)
    assert start_folder(run) is None


def test_a_file_that_is_nowhere_has_none(project: tuple[Path, Run]) -> None:
    folder, run = project
    (folder / "data" / "mine.jsonl").unlink()
    assert start_folder(run) is None


def test_a_word_that_is_a_folder_above_is_no_path(
    project: tuple[Path, Run], small: dict[str, Any]
) -> None:
    folder, run = project
    (folder / "data" / "mine.jsonl").unlink()
    (folder / "home").mkdir()
    small["evaluate"] = {"safety": {"prompts": [{"harmless": ["home"]}]}}
    assert start_folder(Run.of(parse_recipe(small, "test"), run.folder)) is None


def test_a_run_that_is_not_there_yet_has_none(project: tuple[Path, Run]) -> None:
    _, run = project
    assert start_folder(Run.of(run.recipe, Path("../project/runs/new"))) is None
