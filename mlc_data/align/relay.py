"""Log lines and progress of one process, shown by another: told through a file of JSON lines."""

from __future__ import annotations

import itertools
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from mlc_data.core import progress


class Teller:
    """Appends what happens to the file."""

    def __init__(self, file: Path) -> None:
        self._handle = file.open("a", encoding="utf-8")
        self._lock = threading.Lock()

    def tell(self, **event: Any) -> None:
        """One line."""
        with self._lock:
            self._handle.write(json.dumps(event) + "\n")
            self._handle.flush()


class TellingHandler(logging.Handler):
    """Tells log records."""

    def __init__(self, teller: Teller) -> None:
        super().__init__()
        self.teller = teller

    def emit(self, record: logging.LogRecord) -> None:
        """One record."""
        self.teller.tell(log=record.name, level=record.levelno, text=self.format(record))


class TellingReporter:
    """Tells progress: for `mlc_data.core.progress.use`."""

    def __init__(self, teller: Teller) -> None:
        self.teller = teller
        self._numbers = itertools.count()

    @contextmanager
    def bar(self, what: str, total: int, unit: str) -> Iterator[progress.Bar]:
        """A bar that the other process shows."""
        number = next(self._numbers)
        self.teller.tell(bar=number, what=what, total=total, unit=unit)
        try:
            yield _TellingBar(self.teller, number)
        finally:
            self.teller.tell(end=number)


class _TellingBar:
    def __init__(self, teller: Teller, number: int) -> None:
        self.teller, self.number = teller, number

    def advance(self, steps: int = 1) -> None:
        self.teller.tell(advance=self.number, steps=steps)


class Relay:
    """Shows what is told in a file, which need not exist yet."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._place = 0
        self._bars: dict[int, tuple[AbstractContextManager[progress.Bar], progress.Bar]] = {}

    def show(self) -> None:
        """What has been told since the last time."""
        if not self.file.is_file():
            return
        with self.file.open("rb") as handle:
            handle.seek(self._place)
            told = handle.read()
        whole = told[: told.rfind(b"\n") + 1]
        self._place += len(whole)
        for line in whole.splitlines():
            self._show(json.loads(line))

    def _show(self, event: dict[str, Any]) -> None:
        if "log" in event:
            logging.getLogger(event["log"]).log(event["level"], "%s", event["text"])
        elif "bar" in event:
            context = progress.bar(event["what"], event["total"], event["unit"])
            self._bars[event["bar"]] = context, context.__enter__()
        elif "advance" in event:
            self._bars[event["advance"]][1].advance(event["steps"])
        else:
            self._bars.pop(event["end"])[0].__exit__(None, None, None)

    def close(self) -> None:
        """End the bars whose process has ended before them."""
        while self._bars:
            self._bars.popitem()[1][0].__exit__(None, None, None)
