"""A training by two processes as the recipe starts it: stopped, killed, orphaned, gone on with."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import load_file

from mlc_data.align import align, launch, worker
from mlc_data.align.launch import Task, decided
from mlc_data.align.stage import AlignStage
from mlc_data.align.stopping import request_stop
from mlc_data.core import progress
from mlc_data.errors import MlcDataError, ModelError, StoppedError, UsageError
from mlc_data.pipeline.run import Run
from mlc_data.recipe.align import Align, Loss

MakeRun = Callable[..., Run]
STEPS = 24
PROGRAM = "import sys; from pathlib import Path; from mlc_data.align import align; from mlc_data.pipeline.run import Run; align(Run.open(Path(sys.argv[1])))"


class Watch:
    """Does something when the training has advanced so far."""

    def __init__(self, step: int, act: Callable[[], None]) -> None:
        self.step, self.act, self.done = step, act, 0

    @contextmanager
    def bar(self, what: str, total: int, unit: str) -> Iterator[progress.Bar]:
        self.counts = what == "aligning"
        yield self

    def advance(self, steps: int = 1) -> None:
        self.done += steps * self.counts
        if self.done == self.step:
            self.act()


@pytest.fixture
def watch() -> Iterator[Callable[[int, Callable[[], None]], None]]:
    before = progress._reporter
    yield lambda step, act: progress.use(Watch(step, act))
    progress.use(before)


def test_stopped_killed_orphaned_and_gone_on_to_the_same_weights(
    make_run: MakeRun, watch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Those of one process that was left alone; `test_processes` compares bit for bit."""
    options: dict[str, Any] = {"max_steps": STEPS, "save_every": 5, "lora": {"r": 4}}
    one = make_run("one", batch_size=4, loss={"sets_per_step": 4}, **options)
    align(one)
    cut = make_run("cut", batch_size=2, loss={"sets_per_step": 2}, processes=2, **options)
    caplog.set_level(logging.INFO, "mlc_data")

    watch(3, request_stop)
    with pytest.raises(StoppedError, match=rf"stopped after step \d+ of {STEPS}, which is saved"):
        align(cut)
    stopped = last_step(cut)
    assert 3 <= stopped < STEPS
    assert processes_of(cut) == []

    def kill() -> None:
        (second,) = (pid for pid, rank in processes_of(cut) if rank == "1")
        os.kill(second, signal.SIGKILL)

    watch(6, kill)
    with pytest.raises(MlcDataError, match=r"process 1 of 2 .* killed by SIGKILL, perhaps because"):
        align(cut)
    assert f"going on after step {stopped} of {STEPS}" in caplog.text
    assert last_step(cut) >= stopped
    assert processes_of(cut) == []
    assert not cut.path("checkpoint").exists()

    program = subprocess.Popen([sys.executable, "-c", PROGRAM, str(cut.folder)])
    wait_until(lambda: len(processes_of(cut)) == 2, program)
    program.kill()
    program.wait()
    wait_until(lambda: not processes_of(cut))

    progress.use(progress.LogReporter())
    align(cut)
    assert processes_of(cut) == []
    notes = cut.manifest.stages["align"].notes
    assert notes["resumed_from"] >= stopped
    assert notes["processes"] == 2
    expected, found = (
        load_file(each.path("checkpoint", "model.safetensors")) for each in (one, cut)
    )
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-4)
    assert [row["step"] for row in log_of(cut)] == list(range(1, STEPS + 1))
    for row, other in zip(log_of(one), log_of(cut), strict=True):
        assert other["loss"] == pytest.approx(row["loss"], abs=1e-3)
        assert ("mlc/loss" in row) == ("mlc/loss" in other)
        assert other.get("mlc/loss", 0) == pytest.approx(row.get("mlc/loss", 0), abs=1e-3)
    files = [sorted(path.name for path in run.path("checkpoint").iterdir()) for run in (one, cut)]
    assert files[0] == files[1]
    assert not list(cut.folder.glob(".training-*"))


def test_an_error_of_ours_arrives_as_it_was(make_run: MakeRun, tiny: Path) -> None:
    """The process that ends with it, then the parent that reads it, without those between them."""
    run = make_run(loss={"layer": 9})
    task = Task(run.folder, run.recipe, None, run.path("training"))
    task.desk.mkdir(parents=True)
    assert worker.work(task, 0) == ModelError.exit_code
    error = launch._error(task, 1)
    assert type(error) is ModelError
    assert str(error).startswith("align.loss.layer is 9, but the model has 4 decoder layers")


def test_how_many_processes(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    several = Align(model="x", processes=4)
    every = Align(model="x", processes="auto")
    without = Loss(extractor="none")
    sharded = Align(model="x", processes="auto", sharding="fsdp", loss=without)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    assert decided(several).processes == 4
    assert decided(every).processes == 1
    with pytest.raises(UsageError, match="0 GPUs are visible"):
        decided(sharded)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 8)
    assert decided(several).processes == 4
    assert decided(every).processes == decided(sharded).processes == 8
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UsageError, match=r"processes is 4, but 2 GPUs are visible"):
        AlignStage().preflight(make_run(processes=4))
    with pytest.raises(ValidationError, match="set `processes`"):
        Align(model="x", sharding="fsdp")
    with pytest.raises(ValidationError, match="goes with"):
        Align(model="x", sharding="fsdp", processes=2)


def processes_of(run: Run) -> list[tuple[int, str]]:
    """Process ids and ranks of those that train the run."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_text().split("\0")
            variables = (folder / "environ").read_text().split("\0")
        except OSError:  # it has ended, or is not ours
            continue
        if "mlc_data.align.worker" in command and str(run.folder) in " ".join(command):
            (rank,) = (each[5:] for each in variables if each.startswith("RANK="))
            found.append((int(folder.name), rank))
    return found


def wait_until(reached: Callable[[], bool], process: subprocess.Popen[bytes] | None = None) -> None:
    limit = time.monotonic() + 60
    while not reached():
        assert process is None or process.poll() is None
        assert time.monotonic() < limit
        time.sleep(0.02)


def last_step(run: Run) -> int:
    (saved,) = run.folder.glob(".training-*/checkpoint-*/complete")
    return int(saved.read_text())


def log_of(run: Run) -> list[dict[str, float]]:
    return [json.loads(line) for line in run.path("training.jsonl").read_text().splitlines()]
