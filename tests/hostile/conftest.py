"""Fixtures of the hostile corpus: the command in this process, with a limit of time and memory-safe output."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import pytest

from mlc_data.cli.main import main
from mlc_data.core import progress

SECONDS = 20
LONGEST = 4_000
"""Characters of a message."""


@dataclass(frozen=True)
class Done:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def display_as_before() -> Iterator[None]:
    """Set back the display that a command has chosen for this process."""
    logger = logging.getLogger("mlc_data")
    before = logger.level, logger.propagate, list(logger.handlers)
    yield
    level, logger.propagate, handlers = before
    logger.setLevel(level)
    for handler in set(logger.handlers) - set(handlers):
        logger.removeHandler(handler)
    progress.use(progress.LogReporter())


@pytest.fixture
def limited() -> Iterator[None]:
    """End a test that hangs."""

    def hung(_: int, __: FrameType | None) -> None:
        raise AssertionError(f"still busy after {SECONDS} seconds")

    signal.signal(signal.SIGALRM, hung)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)


@pytest.fixture
def mlc_data(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    limited: None,
) -> Callable[..., Done]:
    """Call the command in an empty folder; any exception but its exit fails the test."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["mlc-data", *arguments])
        code: object = 0
        try:
            main()
        except SystemExit as leaving:
            code = leaving.code
        said = capsys.readouterr()
        return Done(int(str(code or 0)), said.out, said.err)

    return call


def refuse_unbounded(done: Done) -> None:
    """Fail for a traceback, a message without bound, or characters that a terminal obeys."""
    said = done.err + done.out
    assert "Traceback" not in said
    assert len(done.err) < LONGEST
    assert not [one for one in said if not one.isprintable() and one not in "\n\t"]
