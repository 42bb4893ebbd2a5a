"""Training in processes that `align.processes=2` starts: stopped, killed, resumed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from launch_sandbox import (
    COMMAND,
    STEPS,
    Ended,
    LaunchSandbox,
    align,
    last_step,
    notes,
    ranks_of,
    run,
    start,
    wait_for,
    wait_until,
    weights,
)
from process_guard import has_ended
from torch.testing import assert_close

from mlc_data.align.stage import align as run_align
from mlc_data.align.stopping import request_stop
from mlc_data.core import progress
from mlc_data.errors import ModelError, StoppedError
from mlc_data.pipeline.run import Run

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]


class Cut(NamedTuple):
    """A training that was ended from outside after some steps."""

    folder: Path
    ended: Ended
    ranks: list[psutil.Process]
    step: int


def cut(folder: Path, end: Callable[[subprocess.Popen[str]], None]) -> Cut:
    """Train in two processes, and end them with ``end`` after the fourth step."""
    process = start([*COMMAND, *align(folder, "processes=2")])
    wait_until(lambda: last_step(folder) >= 4, process)
    ranks = ranks_of(process)
    assert len(ranks) == 2
    end(process)
    (ended,) = wait_for([process])
    return Cut(folder, ended, ranks, last_step(folder))


@pytest.fixture(scope="module")
def interrupted(sandbox: LaunchSandbox) -> Cut:
    """A training that Ctrl-C interrupted, which reaches all processes of the terminal."""
    return cut(
        sandbox.new_run("interrupted"), lambda process: os.killpg(process.pid, signal.SIGINT)
    )


@pytest.fixture(scope="module")
def killed(sandbox: LaunchSandbox) -> Cut:
    """A training whose rank 1 was killed."""
    return cut(sandbox.new_run("killed"), lambda process: ranks_of(process)[1].kill())


def test_interrupt_exits_with_130(interrupted: Cut) -> None:
    assert interrupted.ended.returncode == 130


def test_interrupt_saves_the_last_step(interrupted: Cut) -> None:
    assert 4 <= interrupted.step < STEPS
    (error,) = interrupted.ended.errors
    assert error.startswith(f"Stopped after step {interrupted.step} of {STEPS}, which is saved")


def test_interrupt_leaves_no_process(interrupted: Cut) -> None:
    wait_until(lambda: all(map(has_ended, interrupted.ranks)))


def test_interrupted_training_resumes_to_the_same_weights(trained: Path, interrupted: Cut) -> None:
    resumed = run([*COMMAND, *align(interrupted.folder, "processes=2")])
    assert resumed.returncode == 0, resumed.output
    assert notes(interrupted.folder)["resumed_from"] == interrupted.step
    assert_close(weights(interrupted.folder), weights(trained), rtol=0, atol=0)


def test_killed_rank_exits_with_1(killed: Cut) -> None:
    assert killed.ended.returncode == 1


def test_killed_rank_is_one_line(killed: Cut) -> None:
    (error,) = killed.ended.errors
    assert error.startswith(
        "Error: rank 1 of 2 was killed by SIGKILL, perhaps because memory ran out"
    )
    assert "run the same command again to resume" in error
    assert killed.ended.output.endswith(f"{error}\n")
    assert "Traceback" not in killed.ended.output


def test_killed_rank_ends_the_others(killed: Cut) -> None:
    wait_until(lambda: all(map(has_ended, killed.ranks)))


def test_killed_rank_leaves_no_checkpoint(killed: Cut) -> None:
    assert not (killed.folder / "checkpoint").exists()
    assert "align" not in Run.open(killed.folder).manifest.stages


def test_ranks_end_with_their_parent(sandbox: LaunchSandbox) -> None:
    orphaned = cut(sandbox.new_run("orphaned"), subprocess.Popen.kill)
    wait_until(lambda: all(map(has_ended, orphaned.ranks)))


def test_error_of_a_rank_keeps_its_class(make_run: Callable[..., Run]) -> None:
    expected = r"^align\.loss\.layer is 9, but the model has 4 decoder layers"
    with pytest.raises(ModelError, match=expected):
        run_align(make_run(processes=2, loss={"layer": 9}))


def test_stop_is_requested_by_a_program(
    make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "_reporter", StopAfter(3))
    stopped = make_run(processes=2, max_steps=STEPS)
    with pytest.raises(StoppedError, match=rf"^stopped after step \d+ of {STEPS}, which is saved"):
        run_align(stopped)
    assert last_step(stopped.folder) >= 3


class StopAfter:
    """Progress of rank 0 as the launching process sees it; requests a stop after some steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    @contextmanager
    def bar(self, what: str, total: int, unit: str) -> Iterator[Any]:
        self.aligning = what == "aligning"
        yield self

    def advance(self, steps: int = 1) -> None:
        self.left -= steps * self.aligning
        if self.left == 0:
            request_stop()
