"""Ways to harm a small run, and what must hold afterwards."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fault_harness import Ended, SmallRun, State, litter

WITHOUT_CAPABILITIES = (
    "import ctypes\nhead = (ctypes.c_uint32 * 2)(0x20080522, 0)\nnone = (ctypes.c_uint32 * 6)()\n"
    "assert ctypes.CDLL(None).capset(head, none) == 0\n"
)
"""Statement after which permissions apply to root as well; to others nothing changes."""

LONG = pytest.mark.skipif(
    "MLC_DATA_LONG_FAULTS" not in os.environ, reason="part of benchmarks/reliability.py"
)
"""Mark of what the long form alone does."""

EARLY, MIDDLE, LATE = "translate", "align", "safety"
"""Stages at which a fault comes: three moments of a run."""


def ends_as(run: SmallRun, expected: State) -> Ended:
    """Run every stage to the end, and compare."""
    ended = run.run()
    assert ended.status == 0, ended.output
    assert State.of(run) == expected
    assert litter(run) == []
    return ended


def one_message(ended: Ended, status: int, *words: str) -> None:
    """Check that a command failed with one message, which has certain words in it."""
    assert ended.status == status, ended.output
    assert "Traceback" not in ended.output
    assert ended.output.count("Error: ") == 1, ended.output
    for word in words:
        assert word in ended.output


def on_disk(run: SmallRun, disk: Path) -> None:
    """Move a run to another file system; a link stands in its place."""
    shutil.copytree(run.run_dir, disk / "run")
    shutil.rmtree(run.run_dir)
    run.run_dir.symlink_to(disk / "run")


def redo(run: SmallRun, stage: str) -> Path:
    """Remove an output of a stage of a finished run, so that this stage runs again; return the output's path."""
    output = run.run_dir / min(run.manifest.stages[stage].outputs)
    output.unlink()
    return output


def _flipped(file: Path) -> None:
    data = bytearray(file.read_bytes() or b"\0")
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def work_of(stage: str, before: str, body: str) -> str:
    """Return statements that put something in the place of a stage's work; ``real`` is the work itself."""
    return (
        f"import threading, time\nfrom mlc_data.stages import named\nkind = type(named({stage!r}))\n"
        f"real = kind.work\n{before}def work(self, run, staging):\n    {body}\nkind.work = work\n"
    )


def at_work(run: SmallRun, stage: str, seconds: float = 2.0) -> int:
    """Start a finished run again, of which one stage has to be redone; return the process id once it is at work.

    The stage waits for some seconds before it begins.
    """
    redo(run, stage)
    body = f"print('at work', flush=True); time.sleep({seconds}); return real(self, run, staging)"
    pid = run.nursery.start(*run.argv(), before=work_of(stage, "", body))
    run.nursery.wait_for_text("at work", pid)
    return pid


HARMS: dict[str, Callable[[Path], object]] = {
    "flipped": _flipped,
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-9]),
    "empty": lambda file: file.write_bytes(b""),
    "zeros": lambda file: file.write_bytes(bytes(file.stat().st_size)),
}
"""Ways to harm a file: one bit, its end, all of it."""
