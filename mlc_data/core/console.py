"""Display of a run: Rich bars and tables on a terminal, plain log lines anywhere else."""

from __future__ import annotations

import io
import logging
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.logging import RichHandler
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.segment import Segment
from rich.text import Text

from mlc_data.core import progress
from mlc_data.core.messages import bounded, printable


class PlainConsole(Console):
    """Console on which texts of users stay texts.

    `run [v2]` is no markup, `:car:` no emoji, and no escape sequence of a prompt reaches the terminal.
    """

    def render_str(self, text: str, **options: Any) -> Text:
        """Return a text, printable, before its width is measured."""
        return super().render_str(printable(text), **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield segments, printable whatever they were made of."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(printable(segment.text), segment.style)


class PlainFormatter(logging.Formatter):
    """Formatter whose lines are printable and of bounded length."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        return bounded(super().format(record))


out = PlainConsole(markup=False, emoji=False)
err = PlainConsole(stderr=True, markup=False, emoji=False)


def show_all_characters() -> None:
    """Write characters that standard output cannot encode (``LC_ALL=C``) as escapes rather than fail at the end."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


class RateColumn(ProgressColumn):
    """Units per second."""

    def render(self, task: Task) -> Text:
        """Return a text such as ``312 sentences/s``."""
        speed = task.finished_speed or task.speed
        unit = task.fields.get("unit", "")
        return Text(f"{speed:,.1f} {unit}/s" if speed else "", style="progress.data.speed")


class RichBar:
    """A `progress.Bar` on a Rich display."""

    def __init__(self, display: Progress, what: str, total: int, unit: str) -> None:
        self._display = display
        self._task = display.add_task(what, total=total, unit=unit)

    def advance(self, steps: int = 1) -> None:
        """Report ``steps`` more units as done."""
        self._display.advance(self._task, steps)


class RichReporter:
    """Bars with rate and time left, on standard error."""

    @contextmanager
    def bar(self, what: str, total: int, unit: str) -> Iterator[progress.Bar]:
        """Show one bar, which disappears when its work is done."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            RateColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=err, transient=True) as display:
            yield RichBar(display, what, total, unit)


class Silent:
    """No progress at all, for ``--quiet``."""

    @contextmanager
    def bar(self, what: str, total: int, unit: str) -> Iterator[progress.Bar]:
        """Return a bar that shows nothing."""
        yield self

    def advance(self, steps: int = 1) -> None:
        """Show nothing."""


_handlers: list[logging.Handler] = []


def set_up(*, quiet: bool) -> None:
    """Prepare this process's display; with ``quiet``, warnings and errors only, and no progress."""
    logger = logging.getLogger("mlc_data")
    logger.setLevel(logging.WARNING if quiet else logging.INFO)
    handler: logging.Handler
    if err.is_terminal:
        handler = RichHandler(console=err, show_path=False, show_level=False)
        handler.setFormatter(PlainFormatter("%(message)s"))
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(PlainFormatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    while _handlers:
        logger.removeHandler(_handlers.pop())
    _handlers.append(handler)
    # In addition to Prefect's handler, which sends the same lines to its server.
    logger.addHandler(handler)
    logger.propagate = False
    if quiet:
        progress.use(Silent())
    elif err.is_terminal:
        progress.use(RichReporter())
    else:
        progress.use(progress.LogReporter())
    # Libraries below us warn about their own future, which a user of this command cannot change.
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
