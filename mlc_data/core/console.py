"""Display of a run: Rich bars and tables on a terminal, plain log lines anywhere else."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from rich import box
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.table import Column, Table
from rich.text import Text

from mlc_data.core import progress
from mlc_data.core.live import LiveView, NoteHandler, RichReporter
from mlc_data.core.messages import bounded, json_text, printable
from mlc_data.core.redaction import without_secrets

_NOT_ASCII = re.compile(r"[^\x00-\x7f]+")


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


def table(*headings: str | Column, title: str | None = None, caption: str | None = None) -> Table:
    """Return a table with few lines, which leaves room for text at 80 columns."""
    return Table(
        *headings,
        title=title,
        caption=caption,
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )


def number(heading: str) -> Column:
    """Return a column of numbers."""
    return Column(heading, justify="right")


def print_json(value: Any) -> None:
    """Print a value as JSON on standard output: no colour, no line broken, text as it is.

    Where standard output cannot encode a character, it stands as JSON escapes it, which reads back as the same.
    """
    text = without_secrets(json_text(value, indent=2, default=_plain))
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = _NOT_ASCII.sub(lambda found: json.dumps(found[0])[1:-1], text)
    sys.stdout.write(text + "\n")


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    return dict(value) if isinstance(value, Mapping) else str(value)


class Silent:
    """No progress at all, for ``--quiet``."""

    @contextmanager
    def bar(self, what: str, total: int, unit: str) -> Iterator[progress.Bar]:
        """Return a bar that shows nothing."""
        yield self

    def advance(self, steps: int = 1) -> None:
        """Show nothing."""


class ConsoleHandler(logging.Handler):
    """Log lines on a terminal, above what is shown live: time, level, message; the level of warnings in colour."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        try:
            err.print(
                Text.assemble(
                    (f"{time.strftime('%H:%M:%S', time.localtime(record.created))} ", "dim"),
                    (f"{record.levelname} ", _STYLES.get(record.levelno, "")),
                    bounded(self.format(record)),
                ),
                soft_wrap=not err.is_terminal,  # a file gets one line, a terminal breaks between words
            )
        except Exception:  # noqa: BLE001 - as every handler of the standard library
            self.handleError(record)


_STYLES = {logging.WARNING: "bold yellow", logging.ERROR: "bold red", logging.CRITICAL: "bold red"}

_handlers: list[logging.Handler] = []


def set_up(*, quiet: bool) -> None:
    """Prepare this process's display; with ``quiet``, warnings and errors only, and no progress."""
    logger = logging.getLogger("mlc_data")
    logger.setLevel(logging.WARNING if quiet else logging.INFO)
    _show_with(_line_handler())
    if quiet:
        progress.use(Silent())
    elif err.is_terminal:
        progress.use(RichReporter(err))
    else:
        progress.use(progress.LogReporter())
    # Libraries below us warn about their own future, which a user of this command cannot change.
    warnings.filterwarnings("ignore", category=FutureWarning)
    warnings.filterwarnings("ignore", category=DeprecationWarning)


@contextmanager
def live(folder: Path, stages: Sequence[str], *, quiet: bool, verbose: bool) -> Iterator[None]:
    """Show the stages of a run while it works: a live view on a terminal, log lines anywhere else.

    Args:
        folder: the run's folder, as a user would type it.
        stages: names of the stages that will run, in order.
        quiet: warnings, errors and the result only.
        verbose: log lines on a terminal, too.
    """
    set_up(quiet=quiet)
    if quiet or verbose or not err.is_terminal or err.is_dumb_terminal:
        if not quiet:
            progress.use(progress.LogReporter())
        yield
        return
    with LiveView(err, folder, stages) as view, progress.watched_by(view):
        progress.use(view)
        _show_with(NoteHandler(view, _line_handler()))
        try:
            yield
        finally:
            set_up(quiet=quiet)


def _line_handler() -> logging.Handler:
    if err.is_terminal:
        return ConsoleHandler()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlainFormatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    return handler


def _show_with(handler: logging.Handler) -> None:
    logger = logging.getLogger("mlc_data")
    while _handlers:
        logger.removeHandler(_handlers.pop())
    _handlers.append(handler)
    # In addition to Prefect's handler, which sends the same lines to its server.
    logger.addHandler(handler)
    logger.propagate = False
