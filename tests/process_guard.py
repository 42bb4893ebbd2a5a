"""Guard that ends everything a pytest process has started, however that process itself ends.

`ProcessGuard` starts this file as a program in a session of its own and holds the writing end of its
standard input. The system closes it with pytest, also after SIGKILL. The program then ends every
process whose environment carries the mark of this pytest, and those that were named to it:
PostgreSQL and Redis overwrite their environment.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path

import psutil

MARK = "MLC_DATA_TEST_PROCESS"
GRACE_SECONDS = 5


class ProcessGuard:
    """Guard of the processes that this process starts from now on."""

    def __init__(self) -> None:
        mark = uuid.uuid4().hex
        self._program = subprocess.Popen(
            [sys.executable, __file__, mark],
            env={name: value for name, value in os.environ.items() if name != MARK},
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            text=True, bufsize=1, start_new_session=True,
        )  # fmt: skip
        os.environ[MARK] = mark

    def watch(self, process: subprocess.Popen[bytes], folder: Path | None = None) -> None:
        """Name a process that hides its environment, and a folder to remove after it."""
        assert self._program.stdin
        self._program.stdin.write(f"{process.pid}\t{folder or ''}\n")

    def close(self) -> None:
        """End all processes that are left, and the guard."""
        self._program.communicate(timeout=60)


def end_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and its descendants at once, as a machine that fails would."""
    with contextlib.suppress(psutil.NoSuchProcess):
        root = psutil.Process(process.pid)
        family = [root, *root.children(recursive=True)]
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.suspend()
        for member in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                member.kill()
    process.wait(timeout=60)


def _main(mark: str) -> None:
    named: list[psutil.Process] = []
    folders: list[str] = []
    for line in sys.stdin:
        pid, _, folder = line.rstrip("\n").partition("\t")
        folders += [folder] if folder else []
        with contextlib.suppress(psutil.NoSuchProcess):
            named.append(psutil.Process(int(pid)))
    _end([*named, *_marked(mark)])
    # What was started meanwhile.
    while left := _marked(mark):
        _end(left)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _marked(mark: str) -> list[psutil.Process]:
    processes = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == mark and not has_ended(process):
                processes.append(process)
    return processes


def _end(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    deadline = time.monotonic() + GRACE_SECONDS
    while not all(map(has_ended, processes)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()


def has_ended(process: psutil.Process) -> bool:
    """Return whether a process is gone, or left only for its parent to read its exit status."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


if __name__ == "__main__":
    _main(sys.argv[1])
