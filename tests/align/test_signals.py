"""Ctrl-C, SIGTERM and kill -9 of a real process, and going on afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from safetensors.torch import load_file
from trl import DPOTrainer

from mlc_data.align import align
from mlc_data.align.stopping import SIGNALS
from mlc_data.errors import StoppedError
from mlc_data.pipeline.run import Run

PROGRAM = """
import sys, time
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


def start(run: Run, pause: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(run.folder), str(pause)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def wait_for_step(run: Run, step: int, process: subprocess.Popen[str]) -> None:
    file = run.path("step")
    limit = time.monotonic() + 120
    while not file.is_file() or int(file.read_text() or -1) < step:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < limit
        time.sleep(0.02)


def test_interrupted_then_killed_then_gone_on(make_run: Callable[..., Run]) -> None:
    whole, run = (make_run(name, save_every=2, max_steps=8) for name in ("whole", "cut"))
    align(whole)

    process = start(run, pause=0.4)
    wait_for_step(run, 1, process)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "run the same command again" in output
    assert "Traceback" not in errors
    assert saved(run) == ["checkpoint-2"]

    run.path("step").unlink()
    process = start(run, pause=0.4)
    wait_for_step(run, 5, process)
    process.kill()
    process.communicate()
    assert saved(run) == ["checkpoint-4"]
    assert not run.path("checkpoint").exists()

    align(run)
    assert run.manifest.stages["align"].notes["resumed_from"] == 4
    expected, found = (
        load_file(each.path("checkpoint", "model.safetensors")) for each in (whole, run)
    )
    assert all((found[name] == value).all() for name, value in expected.items())


def test_terminated_in_order_and_the_second_time_at_once(make_run: Callable[..., Run]) -> None:
    run = make_run()
    process = start(run, pause=60)
    wait_for_step(run, 0, process)
    process.send_signal(signal.SIGTERM)
    time.sleep(1)
    assert process.poll() is None  # it is finishing its step
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == -signal.SIGTERM
    assert not run.path("checkpoint").exists()


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
