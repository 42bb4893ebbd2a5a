"""Nothing that a test has started outlives pytest, however pytest ends."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from process_guard import has_ended

pytestmark = pytest.mark.integration

# Starts a process with the mark, one without it, and one below a process that ends at once.
PROGRAM = """
import os, signal, subprocess, sys
from pathlib import Path
from process_guard import MARK, ProcessGuard

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
START = f"from subprocess import *; print(Popen({SLEEP}, start_new_session=True, stdout=DEVNULL).pid)"

# A job in the background of a shell ignores it.
signal.signal(signal.SIGINT, signal.default_int_handler)
guard = ProcessGuard()
marked = subprocess.Popen(SLEEP, start_new_session=True)
bare = {name: value for name, value in os.environ.items() if name != MARK}
named = subprocess.Popen(SLEEP, start_new_session=True, env=bare)
folder = Path(sys.argv[1])
folder.mkdir()
guard.watch(named, folder)
orphan = subprocess.check_output([sys.executable, "-c", START], text=True).strip()
print(marked.pid, named.pid, orphan, guard._program.pid, flush=True)
input()
guard.close()
"""


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """A process that stands for pytest, and the processes that it started."""
    program = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "data")],
        cwd=Path(__file__).parent, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert program.stdout
    started = [psutil.Process(int(pid)) for pid in program.stdout.readline().split()]
    assert len(started) == 4
    yield program, started
    program.kill()
    program.communicate()


def wait_until_ended(processes: list[psutil.Process]) -> None:
    deadline = time.monotonic() + 120
    while not all(map(has_ended, processes)):
        assert time.monotonic() < deadline, processes
        time.sleep(0.05)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_processes_end_with_the_one_that_started_them(
    guarded: tuple[subprocess.Popen[str], list[psutil.Process]], tmp_path: Path, how: signal.Signals
) -> None:
    program, started = guarded
    program.send_signal(how)
    wait_until_ended(started)
    assert not (tmp_path / "data").exists()


def test_the_end_of_the_tests_ends_them_too(
    guarded: tuple[subprocess.Popen[str], list[psutil.Process]],
) -> None:
    program, started = guarded
    program.communicate("\n", timeout=120)
    assert program.returncode == 0
    wait_until_ended(started)
