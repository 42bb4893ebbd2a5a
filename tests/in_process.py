"""Commands in the process of the tests."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from mlc_data.cli.main import main
from mlc_data.core import progress


@dataclass(frozen=True)
class Done:
    """Exit code and output of a command."""

    returncode: int
    stdout: str
    stderr: str


def call(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> Done:
    """Call the command; any exception but its exit fails the test."""
    monkeypatch.setattr(sys, "argv", ["mlc-data", *arguments])
    code: object = 0
    try:
        main()
    except SystemExit as leaving:
        code = leaving.code
    said = capsys.readouterr()
    return Done(int(str(code or 0)), said.out, said.err)


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
