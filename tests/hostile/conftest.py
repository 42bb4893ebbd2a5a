"""Fixtures of the hostile corpus: the command in this process, with a limit of time and memory-safe output."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType

import pytest
from in_process import Done, call, display_as_before

__all__ = ["display_as_before"]

SECONDS = 20
LONGEST = 4_000
"""Characters of a message."""


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

    return partial(call, monkeypatch, capsys)


def refuse_unbounded(done: Done) -> None:
    """Fail for a traceback, a message without bound, or characters that a terminal obeys."""
    said = done.stderr + done.stdout
    assert "Traceback" not in said
    assert len(done.stderr) < LONGEST
    assert not [one for one in said if not one.isprintable() and one not in "\n\t"]
