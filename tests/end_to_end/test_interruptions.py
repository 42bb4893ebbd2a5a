"""A full disk and a stop signal: one message, and no partial output is taken for complete."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from cli_sandbox import QuickstartRun
from support import forget_stages

from mlc_data.pipeline.run import Run

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 96 KiB; the test is skipped where mounting one is not allowed."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("command", ["sets", "run"])
def test_a_full_disk_is_one_message(
    quickstart: QuickstartRun, small_disk: Path, command: str
) -> None:
    own = ("--run-dir", str(small_disk / "run"))
    done = quickstart.sandbox.run(command, "quickstart", *own, code=1)
    assert "no space left on the device" in done.stderr
    assert "Traceback" not in done.stderr
    for file in (small_disk / "run").rglob("*.parquet"):
        pl.read_parquet(file)
    assert not list((small_disk / "run").glob(".staging-*"))
    assert "sets" not in quickstart.sandbox.manifest(str(small_disk / "run")).stages


def test_training_resumes_where_it_was_stopped(quickstart: QuickstartRun) -> None:
    """Ctrl-C on the real model; `tests/align` compares weights, on a small one."""
    own = (
        "--run-dir",
        "runs/stopped",
        "--set",
        "align.save_every=1",
        "--set",
        "align.loss.every=9",
    )
    run = quickstart.sandbox.folder / "runs" / "stopped"
    shutil.copytree(quickstart.folder, run, ignore=shutil.ignore_patterns("checkpoint"))
    forget_stages(Run.open(run), "align", "evaluate", "safety", "utility")
    process = quickstart.sandbox.start("align", "quickstart", *own)
    deadline = time.monotonic() + 600
    while not list(run.glob(".training-*/checkpoint-*/trainer_state.json")):
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, log = process.communicate(timeout=300)
    assert process.returncode == 130, log
    assert "Traceback" not in log
    assert "run the same command again to resume" in log
    assert not (run / "checkpoint").exists()
    assert "align" not in quickstart.sandbox.manifest("runs/stopped").stages
    quickstart.sandbox.run("align", "quickstart", *own)
    assert (run / "checkpoint" / "model.safetensors").exists()
    assert quickstart.sandbox.manifest("runs/stopped").stages["align"].notes["resumed_from"] > 0
