"""Pseudo-terminal in which a command runs as in a user's: Ctrl-C reaches its whole foreground group."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping
from pathlib import Path

CTRL_C = b"\x03"

_PART = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|[\r\n]|[^\x1b\r\n]+|\x1b")


def screen(output: str) -> list[str]:
    """Return the lines that a terminal shows after an output: cursor up, erased lines, carriage returns."""
    lines, row, column = [""], 0, 0
    for part in _PART.finditer(output):
        text, command = part[0], part[2]
        if command == "A":
            row = max(0, row - int(part[1] or 1))
        elif command == "K":
            lines[row] = ""
        elif text == "\r":
            column = 0
        elif text == "\n":
            row, column = row + 1, 0
            lines += [""] * (row + 1 - len(lines))
        elif not text.startswith("\x1b"):
            before = lines[row].ljust(column)
            lines[row] = before[:column] + text + before[column + len(text) :]
            column += len(text)
    return [line.rstrip() for line in lines]


class Terminal:
    """A command in a pseudo-terminal of 80 columns, with everything that it has printed."""

    def __init__(
        self, command: list[str], folder: Path, environment: Mapping[str, str], columns: int = 80
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        self.process = subprocess.Popen(
            command, cwd=folder, env={**environment, "TERM": "xterm-256color"},
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - one system call
        )  # fmt: skip
        os.close(slave)
        self.output = ""

    def press_ctrl_c(self) -> None:
        """Send the interrupt character; the terminal turns it into a signal to the foreground group."""
        os.write(self._master, CTRL_C)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the command alone."""
        self.process.send_signal(number)

    def wait_until(self, reached: Callable[[], bool], seconds: float) -> None:
        """Read output until something is the case; fails when the command ends before."""
        deadline = time.monotonic() + seconds
        while not reached():
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            self._read(0.05)

    def wait(self, seconds: float) -> int:
        """Read output until the command ends; returns its exit code."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.output
            self._read(0.05)
        self._read(0.2)
        return self.process.returncode

    def close(self) -> None:
        """End the command, if it still runs."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self._master)

    def _read(self, seconds: float) -> None:
        while select.select([self._master], [], [], seconds)[0]:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # the other side is closed
                return
            if not data:
                return
            self.output += data.decode(errors="replace")
            seconds = 0
