"""The check that all machines mount the same run folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mlc_data.align.distributed.environment import Rank
from mlc_data.align.distributed.task import Task
from mlc_data.errors import UsageError
from mlc_data.pipeline.run import Run

RANK = Rank(rank=1, world_size=2, local_rank=0)


@pytest.fixture
def task(make_run: Callable[..., Run]) -> Task:
    run = make_run()
    task = Task(
        run=run.folder,
        recipe=run.recipe,
        revision=None,
        folder=run.path("training"),
        tensorboard=run.path("tensorboard"),
        launch_id="one",
    )
    task.launch_dir.mkdir(parents=True)
    task.shared_fs_marker.write_text(task.state())
    return task


def complete_checkpoint(folder: Path, step: int) -> None:
    checkpoint = folder / f"checkpoint-{step}"
    checkpoint.mkdir()
    (checkpoint / "complete").write_text("{}")


def test_shared_folder_is_accepted(task: Task) -> None:
    task.check_shared_folder(RANK, seconds=0)


def test_folder_of_another_launch_is_refused(task: Task) -> None:
    other = task.model_copy(update={"launch_id": "two"})
    with pytest.raises(UsageError, match=r"^rank 1 of 2 \(on .*\) does not see"):
        other.check_shared_folder(RANK, seconds=0)


def test_other_training_checkpoint_is_refused(task: Task) -> None:
    complete_checkpoint(task.folder, 4)
    with pytest.raises(UsageError, match="all machines must mount the run's folder"):
        task.check_shared_folder(RANK, seconds=0)


def test_missing_marker_is_refused(task: Task) -> None:
    task.shared_fs_marker.unlink()
    with pytest.raises(UsageError, match="does not see"):
        task.check_shared_folder(RANK, seconds=0)


def test_task_survives_json(task: Task) -> None:
    assert Task.model_validate_json(task.model_dump_json()) == task
