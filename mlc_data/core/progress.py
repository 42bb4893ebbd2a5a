"""Progress of long work: the library reports it, the application decides how to show it.

By default it is shown as log lines. The command line installs Rich bars on a
terminal, and log lines every few seconds elsewhere.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from mlc_data.core.wording import duration, rate

log = logging.getLogger(__name__)


class Bar(Protocol):
    """One piece of long work."""

    def advance(self, steps: int = 1) -> None:
        """Report ``steps`` more units as done."""


class Reporter(Protocol):
    """Something that shows progress."""

    def bar(self, what: str, total: int, unit: str) -> AbstractContextManager[Bar]:
        """Return a context that shows the work ``what``, which takes ``total`` units."""


class Watcher(Protocol):
    """Something that shows which stage is running."""

    def began(self, stage: str) -> None:
        """Show that a stage has begun."""

    def ended(self, stage: str, *, reused: bool, failed: bool) -> None:
        """Show that a stage has ended."""


class LogBar:
    """A bar as log lines, at most one every ``every`` seconds."""

    def __init__(self, what: str, total: int, unit: str, every: float) -> None:
        self.what, self.total, self.unit, self.every = what, total, unit, every
        self.done = 0
        self.started = self.reported = time.monotonic()

    def advance(self, steps: int = 1) -> None:
        """Count, and log the progress if the last line is old enough."""
        self.done += steps
        moment = time.monotonic()
        if moment - self.reported >= self.every and self.done:
            self.reported = moment
            speed = self.done / (moment - self.started)
            log.info(
                "%s: %d of %d %s, %s, %s left",
                self.what, self.done, self.total, self.unit, rate(speed),
                duration((self.total - self.done) / speed),
            )  # fmt: skip


class LogReporter:
    """Progress as plain log lines, where there is no terminal."""

    def __init__(self, every: float = 5.0) -> None:
        self.every = every

    @contextmanager
    def bar(self, what: str, total: int, unit: str) -> Iterator[Bar]:
        """Yield a `LogBar`."""
        yield LogBar(what, total, unit, self.every)


_reporter: Reporter = LogReporter()


def use(reporter: Reporter) -> None:
    """Show all progress of this process with ``reporter`` from now on."""
    global _reporter
    _reporter = reporter


_watchers: list[Watcher] = []


@contextmanager
def watched_by(watcher: Watcher) -> Iterator[None]:
    """Report the stages of this process to ``watcher`` as well."""
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


@dataclass
class StageEnd:
    """Outcome of a stage, which the code that runs it fills in."""

    reused: bool = False


@contextmanager
def stage(name: str) -> Iterator[StageEnd]:
    """Report a stage as running until the context ends."""
    end, failed = StageEnd(), True
    for watcher in _watchers:
        watcher.began(name)
    try:
        yield end
        failed = False
    finally:
        for watcher in _watchers:
            watcher.ended(name, reused=end.reused, failed=failed)


class _BothBars:
    def __init__(self, first: Bar, second: Bar) -> None:
        self._bars = (first, second)

    def advance(self, steps: int = 1) -> None:
        for each in self._bars:
            each.advance(steps)


class _Both:
    def __init__(self, first: Reporter, second: Reporter) -> None:
        self._first, self._second = first, second

    @contextmanager
    def bar(self, what: str, total: int, unit: str) -> Iterator[Bar]:
        with (
            self._first.bar(what, total, unit) as first,
            self._second.bar(what, total, unit) as second,
        ):
            yield _BothBars(first, second)


@contextmanager
def also_to(reporter: Reporter) -> Iterator[None]:
    """Show all progress of this process with ``reporter`` as well as with the present reporter."""
    global _reporter
    before = _reporter
    _reporter = _Both(before, reporter)
    try:
        yield
    finally:
        _reporter = before


def bar(what: str, total: int, unit: str = "") -> AbstractContextManager[Bar]:
    """Report a piece of long work: ``with bar("translating", n, "segments") as b: b.advance()``."""
    return _reporter.bar(what, total, unit)
