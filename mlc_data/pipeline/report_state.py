"""The state of a run that its report shows, so that others can see whether a report is up to date."""

from __future__ import annotations

import re
from pathlib import Path

from mlc_data._version import __version__
from mlc_data.core.hashing import hash_value
from mlc_data.pipeline.layout import REPORT, REVIEW
from mlc_data.pipeline.run import Run

_META = re.compile(r'<meta name="mlc-data-state" content="([0-9a-f]+)">')
_HEAD = 4096
"""Bytes of a report in which its state is found."""


def state_of(run: Run) -> str:
    """Return a hash of the finished stages, the review and our version: a report of another state is out of date."""
    stages = {name: [record.key, record.finished] for name, record in run.manifest.stages.items()}
    review = run.path(REVIEW)
    judged = review.read_text(encoding="utf-8") if review.is_file() else None
    return hash_value({"stages": stages, "review": judged, "version": __version__})[:16]


def current_report(run: Run) -> Path | None:
    """Return the run's report; None where there is none, or one of another state."""
    path = run.path(REPORT)
    if not path.is_file():
        return None
    with path.open("rb") as file:
        found = _META.search(file.read(_HEAD).decode("utf-8", "replace"))
    return path if found and found[1] == state_of(run) else None
