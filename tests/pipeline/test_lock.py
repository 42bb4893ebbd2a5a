"""One process at a time works in a run's folder; it is named, and what dead ones left is removed."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from mlc_data import execute
from mlc_data.errors import MlcDataError
from mlc_data.execute import run_stages
from mlc_data.pipeline.lock import HOLDER, LOCK
from mlc_data.pipeline.run import Run

ROWS = [{"prompt": "How do I bake bread?"}]


@pytest.fixture
def run(make_run: Callable[..., Run]) -> Run:
    return make_run(ROWS)


def is_free(run: Run) -> bool:
    lock = FileLock(run.folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    lock.release()
    return True


def _hold(run: Run, held: Event) -> None:
    with run.locked():
        held.set()
        time.sleep(60)


@pytest.mark.integration
def test_a_refusal_names_who_holds_the_folder(run: Run) -> None:
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    other = context.Process(target=_hold, args=(run, held))
    other.start()
    try:
        assert held.wait(60)
        with (
            pytest.raises(MlcDataError, match=rf"process {other.pid} on .+, since 20"),
            run.locked(),
        ):
            pass
    finally:
        other.kill()
        other.join()
    with run.locked(), run.locked():
        assert json.loads((run.folder / HOLDER).read_text())["pid"] == os.getpid()
    assert not (run.folder / HOLDER).exists()


def test_a_command_does_not_let_go_between_its_stages(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    free: list[bool] = []

    def stage(run: Run, name: str, *, force: bool = False) -> bool:
        free.append(is_free(run))
        return True

    monkeypatch.setattr(execute, "run_stage", stage)
    monkeypatch.setattr(execute, "only_thresholds_changed", lambda run: False)
    run_stages(run, "sets")
    assert free == [False] * 6
    assert is_free(run)


def test_another_recipe_is_not_written_while_the_folder_is_held(run: Run) -> None:
    other = run.recipe.model_copy(update={"seed": 99})
    lock = FileLock(run.folder / LOCK)
    with lock, pytest.raises(MlcDataError, match="in use by another process"):
        Run.create(other, run.folder)
    assert Run.open(run.folder).recipe.seed == run.recipe.seed


def test_a_folder_that_was_locked_only_is_not_taken_for_another_s(run: Run, tmp_path: Path) -> None:
    """A command that is killed right after it has made its folder leaves this."""
    folder = tmp_path / "killed early"
    folder.mkdir()
    for name in (LOCK, HOLDER, ".recipe.yaml.0123456789ab.part"):
        (folder / name).touch()
    Run.create(run.recipe, folder)
    assert {path.name for path in folder.iterdir()} == {LOCK, "recipe.yaml"}


def test_what_dead_processes_left_is_removed(run: Run) -> None:
    (run.folder / ".manifest.json.0123456789ab.part").touch()
    (run.folder / ".shards-rescue.0123456789ab.part" / "key").mkdir(parents=True)
    with run.locked():
        pass
    assert {path.name for path in run.folder.iterdir()} == {LOCK, "recipe.yaml"}
