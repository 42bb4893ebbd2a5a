"""Ctrl-C, SIGTERM and kill -9 of a real process, and going on afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from mlc_data.align import align
from mlc_data.workspace import Run

PROGRAM = """
import sys, time
from pathlib import Path
from mlc_data.align import align
from mlc_data.align.training import _Trainer
from mlc_data.errors import MlcDataError
from mlc_data.workspace import Run

step = _Trainer.training_step
def slow(self, *args, **kwargs):
    Path(sys.argv[1], "step").write_text(str(self.state.global_step))
    time.sleep(float(sys.argv[2]))
    return step(self, *args, **kwargs)
_Trainer.training_step = slow
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


@pytest.fixture
def whole(make_run: Callable[..., Run]) -> dict[str, Any]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    run = make_run("whole", save_every=2, max_steps=8)
    align(run)
    torch.set_num_threads(threads)
    return dict(load_file(run.path("checkpoint", "model.safetensors")))


def test_interrupted_terminated_killed_and_gone_on(
    make_run: Callable[..., Run], whole: dict[str, Any]
) -> None:
    run = make_run("cut", save_every=2, max_steps=8)
    saved: Callable[[], list[Path]] = lambda: sorted(run.folder.glob(".training-*/checkpoint-*"))  # noqa: E731
    for number, step in ((signal.SIGINT, 1), (signal.SIGTERM, 3)):
        process = start(run, pause=0.4)
        wait_for_step(run, step, process)
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
        assert process.returncode == 130, errors
        assert "run the same command again" in output
        assert "Traceback" not in errors
        assert [path.name for path in saved()] == [f"checkpoint-{step + 1}"]
        run.path("step").unlink()
    process = start(run, pause=0.4)
    wait_for_step(run, 7, process)
    process.kill()
    process.communicate()
    assert [path.name for path in saved()] == ["checkpoint-6"]
    assert not run.path("checkpoint").exists()
    process = start(run, pause=0)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert run.manifest.stages["align"].notes["resumed_from"] == 6
    found = load_file(run.path("checkpoint", "model.safetensors"))
    assert all((found[name] == value).all() for name, value in whole.items())


def test_a_second_signal_stops_at_once(make_run: Callable[..., Run]) -> None:
    run = make_run()
    process = start(run, pause=30)
    wait_for_step(run, 0, process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert time.monotonic() - begun < 15
    assert process.returncode not in (0, 130) or process.returncode == -signal.SIGINT
    assert not run.path("checkpoint").exists()
