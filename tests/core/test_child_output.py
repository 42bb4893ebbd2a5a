"""Log records and progress of a child process, shown by its parent."""

from __future__ import annotations

import logging
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mlc_data.core import progress
from mlc_data.core.child_output import ChildOutput, send_output


class Recorder:
    """A reporter that records what it is asked to show."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    @contextmanager
    def bar(self, what: str, total: int, unit: str) -> Iterator[Any]:
        self.events.append((what, total, unit))
        try:
            yield self
        finally:
            self.events.append("end")

    def advance(self, steps: int = 1) -> None:
        self.events.append(steps)


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(progress, "_reporter", recorder)
    return recorder


def work(queue: Any) -> None:
    send_output(queue)
    with progress.bar("aligning", 3, "steps") as bar:
        bar.advance()
        bar.advance(2)
    logging.getLogger("mlc_data.align").info("step %d", 3)
    logging.getLogger("mlc_data.align").debug("not sent")


def work_killed(queue: Any) -> None:
    send_output(queue)
    progress.bar("aligning", 3, "steps").__enter__()


def show_output_of(function: Any) -> None:
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    child = context.Process(target=function, args=(queue,))
    child.start()
    child.join()
    with ChildOutput(queue) as output:
        output.show()


def test_progress_is_shown(recorder: Recorder) -> None:
    show_output_of(work)
    assert recorder.events == [("aligning", 3, "steps"), 1, 2, "end"]


def test_log_records_are_shown(recorder: Recorder, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "mlc_data")
    show_output_of(work)
    assert caplog.messages == ["step 3"]


def test_quiet_parent_shows_no_information(
    recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "mlc_data")
    show_output_of(work)
    assert not caplog.messages


def test_bar_of_a_killed_child_ends(recorder: Recorder) -> None:
    show_output_of(work_killed)
    assert recorder.events == [("aligning", 3, "steps"), "end"]
