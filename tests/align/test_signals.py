"""Ctrl-C, SIGTERM and SIGKILL to a process that trains alone, and resuming afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from alignment_fixtures import alignable_run
from fault_harness import Ended, Nursery
from launch_sandbox import last_step, wait_until, weights
from support import SMALL
from torch.testing import assert_close
from trl import DPOTrainer

from mlc_data.align import align
from mlc_data.align.stopping import SIGNALS
from mlc_data.errors import StoppedError
from mlc_data.pipeline.run import Run

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]

PROGRAM = """
import sys, time
from copy import deepcopy
from pathlib import Path
from mlc_data.align import align
from trl import DPOTrainer
from mlc_data.errors import MlcDataError
from mlc_data.pipeline.run import Run

step = DPOTrainer.training_step
def slow(self, *args, **kwargs):
    Path(sys.argv[1], "step").write_text(str(self.state.global_step))
    time.sleep(float(sys.argv[2]))
    return step(self, *args, **kwargs)
DPOTrainer.training_step = slow
try:
    align(Run.open(Path(sys.argv[1])))
except MlcDataError as error:
    print(error)
    sys.exit(error.exit_code)
"""


class Cut(NamedTuple):
    """A training that was interrupted and then, resumed, killed; with the training checkpoints left by each."""

    run: Run
    interrupted: Ended
    after_interrupt: list[str]
    after_kill: list[str]


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with Nursery(tmp_path_factory.mktemp("nursery")) as nursery:
        yield nursery


def start_slowly(nursery: Nursery, run: Run, pause: float, step: int) -> int:
    """Start a training that waits so many seconds before each step; return its process id once at a step."""
    file = run.path("step")
    file.unlink(missing_ok=True)
    process = nursery.start(str(run.folder), str(pause), before=PROGRAM)
    wait_until(
        lambda: (
            not psutil.pid_exists(process)
            or (file.is_file() and int(file.read_text() or -1) >= step)
        )
    )
    return process


def eight_steps(folder: Path, model: Path) -> Run:
    return alignable_run(folder, model, deepcopy(SMALL), save_every=2, max_steps=8)


@pytest.fixture(scope="module")
def cut(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory, tiny_for_all: Path) -> Cut:
    run = eight_steps(tmp_path_factory.mktemp("cut"), tiny_for_all)
    os.kill(start_slowly(nursery, run, pause=0.4, step=1), signal.SIGINT)
    interrupted = nursery.wait()
    after_interrupt = saved(run)
    os.kill(start_slowly(nursery, run, pause=0.4, step=5), signal.SIGKILL)
    nursery.wait()
    return Cut(run, interrupted, after_interrupt, saved(run))


def test_interrupt_saves_and_exits_with_130(cut: Cut) -> None:
    assert cut.interrupted.status == 130, cut.interrupted.output
    assert "run the same command again" in cut.interrupted.output
    assert "Traceback" not in cut.interrupted.output
    assert len(cut.after_interrupt) == 1


def test_killed_training_keeps_its_last_saved_step(cut: Cut) -> None:
    assert cut.after_kill == ["checkpoint-4"]
    assert not cut.run.path("checkpoint").exists()


def test_training_resumes_to_the_same_weights(cut: Cut, tiny_for_all: Path, tmp_path: Path) -> None:
    whole = eight_steps(tmp_path / "whole", tiny_for_all)
    align(whole)
    resumed = Run(cut.run.recipe, shutil.copytree(cut.run.folder, tmp_path / "resumed"))
    align(resumed)
    assert resumed.manifest.stages["align"].notes["resumed_from"] == 4
    assert_close(weights(resumed.folder), weights(whole.folder), rtol=0, atol=0)


def test_second_signal_stops_at_once(nursery: Nursery, make_run: Callable[..., Run]) -> None:
    run = make_run()
    process = start_slowly(nursery, run, pause=600, step=0)
    os.kill(process, signal.SIGTERM)
    time.sleep(1)
    assert psutil.pid_exists(process)  # it is finishing its step
    os.kill(process, signal.SIGTERM)
    assert nursery.wait().status == -signal.SIGTERM
    assert last_step(run.folder) == 0


def test_handlers_are_put_back(make_run: Callable[..., Run], monkeypatch: Any) -> None:
    run = make_run()
    step = DPOTrainer.training_step

    def terminated(self: Any, *args: Any, **kwargs: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return step(self, *args, **kwargs)

    before = [signal.getsignal(number) for number in SIGNALS]
    monkeypatch.setattr(DPOTrainer, "training_step", terminated)
    with pytest.raises(StoppedError, match="after step 1 of 6"):
        align(run)
    assert saved(run) == ["checkpoint-1"]
    assert [signal.getsignal(number) for number in SIGNALS] == before


def saved(run: Run) -> list[str]:
    return sorted(path.name for path in run.folder.glob(".training-*/checkpoint-*"))
