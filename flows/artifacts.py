"""Artifacts of a run in Prefect's UI: languages, figures, paths, and progress of stages.

Artifacts are only for display: if the server does not accept one, the run continues and the log says so.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast
from uuid import UUID

import httpx
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from mlc_data.core import progress
from mlc_data.errors import first_line
from mlc_data.languages.flores import get_language
from mlc_data.pipeline.run import Run
from mlc_data.report.markdown import in_markdown
from mlc_data.report.page.headline import headline
from mlc_data.report.summary import summary

from .lost_server import ServerLostError

log = logging.getLogger("mlc_data.flows")


def show(run: Run) -> None:
    """Create a table of languages, a summary with the figures before and after, and the head of the report with a
    link to it. Each keeps its key, so that the UI shows how it changed from run to run.
    """
    with _logged_errors("its summary"):
        if run.manifest.counts.by_language:
            create_table_artifact(
                key=_key("languages", run.recipe.name),
                description=f"Variants of run {run.recipe.name}, by language",
                table=_languages(run),
            )
        markdown(run, "summary", "\n\n".join(map(in_markdown, summary(run))))
        markdown(run, "report", headline(run))


def markdown(run: Run, what: str, text: str) -> None:
    """Create an artifact from a Markdown text about the run."""
    with _logged_errors(f"its {what}"):
        create_markdown_artifact(
            key=_key(what, run.recipe.name), markdown=text, description=f"Run {run.recipe.name}"
        )


class ProgressInUi:
    """Progress reporter that creates artifacts of the task; work shorter than ``every`` seconds has none."""

    def __init__(self, every: float = 5.0) -> None:
        self.every = every

    @contextmanager
    def bar(self, what: str, total: int, unit: str) -> Iterator[progress.Bar]:
        """Yield a bar for one piece of work."""
        bar = _Bar(what, total, unit, self.every)
        yield bar
        bar.end()


class _Bar:
    def __init__(self, what: str, total: int, unit: str, every: float) -> None:
        self._what, self._total, self._unit, self._every = what, total, unit, every
        self._done = 0
        self._reported = time.monotonic()
        self._artifact: UUID | None = None

    def advance(self, steps: int = 1) -> None:
        self._done += steps
        if time.monotonic() - self._reported >= self._every:
            self._show()

    def end(self) -> None:
        if self._artifact is not None:
            self._show()

    def _show(self) -> None:
        share = min(100.0, 100 * self._done / self._total) if self._total else 100.0
        text = f"{self._what}: {self._done} of {self._total} {self._unit}"
        with _logged_errors("its progress"):
            if self._artifact is None:
                # Typed as if it might be awaited, which it is only inside an event loop.
                artifact = create_progress_artifact(share, _key(self._what), text)
                self._artifact = cast(UUID, artifact)
            else:
                update_progress_artifact(self._artifact, share, text)
        self._reported = time.monotonic()


def _languages(run: Run) -> list[dict[str, str | int]]:
    return [
        {
            "language": code,
            "name": get_language(code).name,
            "kept": counts.kept,
            "rejected": sum(counts.rejected.values()),
            "failed": sum(counts.failed.values()),
        }
        for code, counts in (run.manifest.counts.by_language or {}).items()
    ]


def _key(*words: str) -> str:
    """Return a key in Prefect's characters: lower-case letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-")


@contextmanager
def _logged_errors(what: str) -> Iterator[None]:
    try:
        yield
    except (httpx.HTTPError, ServerLostError) as error:
        log.warning("the server did not accept %s: %s", what, first_line(error))
