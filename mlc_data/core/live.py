"""Live view of a run on a terminal: its folder, its stages, and bars with rate and time left."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.spinner import Spinner
from rich.table import Column, Table
from rich.text import Text

from mlc_data.core import progress
from mlc_data.core.wording import duration, rate


class RateColumn(ProgressColumn):
    """Units per second, or seconds per unit where it is slow."""

    def render(self, task: Task) -> Text:
        """Return a text such as ``312/s`` or ``34 s each``."""
        speed = task.finished_speed or task.speed
        return Text(rate(speed) if speed else "", style="progress.data.speed")


class RichBar:
    """A `progress.Bar` on a Rich display."""

    def __init__(self, display: Progress, what: str, total: int, unit: str) -> None:
        self._display = display
        self.task = display.add_task(f"{what} {unit}".strip(), total=total)

    def advance(self, steps: int = 1) -> None:
        """Report ``steps`` more units as done."""
        self._display.advance(self.task, steps)


_PERIOD = 600.0
"""Seconds whose units give rate and time left: a step of a large model takes longer than Rich's 30."""


def bars(console: Console) -> Progress:
    """Return a display of bars that fits 80 columns."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        RateColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        speed_estimate_period=_PERIOD,
    )


class RichReporter:
    """Bars with rate and time left; each disappears when its work is done."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def bar(self, what: str, total: int, unit: str) -> Iterator[progress.Bar]:
        """Show one bar."""
        with bars(self._console) as display:
            yield RichBar(display, what, total, unit)


@dataclass
class _Row:
    """State of one stage: ``seconds`` is None until it has ended."""

    began: float | None = None
    seconds: float | None = None
    reused: bool = False
    failed: bool = False
    note: str = ""


class LiveView:
    """One row per stage, with the latest message of the stage, and the bars of the one that runs.

    It is a `progress.Reporter` and a `progress.Watcher`. What is printed on the same console meanwhile
    appears above it. Its final state stays on the terminal.
    """

    def __init__(self, console: Console, folder: Path, stages: Sequence[str]) -> None:
        self._folder = folder
        self._rows = {name: _Row() for name in stages}
        self._spinner = Spinner("dots")
        self._bars = bars(console)
        self._lock = threading.Lock()
        self._live = Live(
            console=console,
            get_renderable=self._render,
            refresh_per_second=8,
            redirect_stdout=False,
        )

    def __enter__(self) -> LiveView:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    @contextmanager
    def bar(self, what: str, total: int, unit: str) -> Iterator[progress.Bar]:
        """Show one bar below the stages, which disappears when its work is done."""
        bar = RichBar(self._bars, what, total, unit)
        try:
            yield bar
        finally:
            self._bars.remove_task(bar.task)

    def began(self, stage: str) -> None:
        """Show a stage as running."""
        with self._lock:
            self._rows[stage] = _Row(began=time.monotonic())

    def ended(self, stage: str, *, reused: bool, failed: bool) -> None:
        """Show a stage as done, reused or failed."""
        with self._lock:
            row = self._rows[stage]
            row.seconds = time.monotonic() - (row.began or time.monotonic())
            row.reused, row.failed = reused, failed

    def note(self, message: str) -> bool:
        """Take a message such as ``check: 3 variants kept`` as a stage's note; return whether it is one.

        Some stages speak under another's name (all that evaluate say ``evaluate``): the one that runs has the note.
        """
        stage, colon, text = message.partition(": ")
        with self._lock:
            row = self._rows.get(stage)
            if not colon or row is None or row.began is None:
                return False
            running = [each for each in self._rows.values() if each.began and each.seconds is None]
            if row.seconds is not None and running and not text.startswith("done in "):
                row = running[0]
            if not text.startswith("done in "):
                row.note = text
        return True

    def _render(self) -> RenderableType:
        table = Table.grid(
            Column(width=1),
            Column(no_wrap=True),
            Column(no_wrap=True, overflow="ellipsis", ratio=1),
            Column(justify="right", no_wrap=True),
            padding=(0, 1),
            expand=True,
        )
        with self._lock:
            for name, row in self._rows.items():
                table.add_row(*self._cells(name, row))
        parts: list[RenderableType] = [Text(f"Run {self._folder}", style="bold"), table]
        if self._bars.tasks:
            parts.append(self._bars.get_renderable())
        return Group(*parts)

    def _cells(self, name: str, row: _Row) -> Sequence[RenderableType]:
        if row.began is None:
            return "", Text(name, style="dim"), "", ""
        if row.seconds is None:
            elapsed = duration(time.monotonic() - row.began)
            return self._spinner, Text(name, style="bold"), row.note, elapsed
        if row.failed:
            return Text("!", style="red"), Text(name, style="red"), row.note, ""
        mark = Text("-", style="dim") if row.reused else Text("+", style="green")
        return mark, name, row.note, "" if row.reused else duration(row.seconds)


class NoteHandler(logging.Handler):
    """Gives the messages of stages to the live view; what it does not take goes to another handler."""

    def __init__(self, view: LiveView, other: logging.Handler) -> None:
        super().__init__()
        self._view, self._other = view, other

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record as a stage's note or as a line."""
        if record.levelno >= logging.WARNING or not self._view.note(record.getMessage()):
            self._other.handle(record)
