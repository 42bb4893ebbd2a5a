"""Log records and progress of a child process, shown by its parent."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from logging.handlers import QueueHandler
from queue import Empty
from typing import Any

from mlc_data.core import progress


class _QueueReporter:
    """Progress reporter that sends events as tuples into a queue, for `ChildOutput.show`."""

    def __init__(self, queue: Any) -> None:
        self.queue = queue

    @contextmanager
    def bar(self, what: str, total: int, unit: str) -> Iterator[progress.Bar]:
        self.queue.put(("begin", what, total, unit))
        try:
            yield self
        finally:
            self.queue.put(("end",))

    def advance(self, steps: int = 1) -> None:
        self.queue.put(("advance", steps))


def send_output(queue: Any) -> None:
    """Send this process's log records and progress to the parent that shows the queue."""
    progress.use(_QueueReporter(queue))
    logging.getLogger("mlc_data").setLevel(logging.INFO)
    logging.getLogger("mlc_data").addHandler(QueueHandler(queue))


class ChildOutput:
    """Shows what a child sends into a ``multiprocessing.Queue``; a context that ends its bars."""

    def __init__(self, queue: Any) -> None:
        self._queue = queue
        self._bars: list[tuple[ExitStack, progress.Bar]] = []

    def __enter__(self) -> ChildOutput:
        return self

    def __exit__(self, *_: object) -> None:
        while self._bars:
            self._end()

    def show(self) -> None:
        """Show what has arrived since the last call."""
        while True:
            try:
                event = self._queue.get_nowait()
            except Empty:
                return
            if isinstance(event, logging.LogRecord):
                logger = logging.getLogger(event.name)
                if logger.isEnabledFor(event.levelno):
                    logger.handle(event)
                continue
            match event:
                case ("begin", what, total, unit):
                    stack = ExitStack()
                    self._bars.append((stack, stack.enter_context(progress.bar(what, total, unit))))
                case ("advance", steps):
                    self._bars[-1][1].advance(steps)
                case _:
                    self._end()

    def _end(self) -> None:
        self._bars.pop()[0].close()
