"""OpenLineage events of a run (https://openlineage.io, 2-0-2), for data catalogs.

Each finished stage gives a START and a COMPLETE event. They are written to ``lineage.openlineage.jsonl`` in
the run's folder. New ones are also sent to the server that ``OPENLINEAGE_URL`` or OpenLineage's own
configuration names. Needs the extra ``openlineage``.
"""

from __future__ import annotations

import logging
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mlc_data.core.extras import install_extra
from mlc_data.core.files import write_text
from mlc_data.errors import UsageError
from mlc_data.pipeline.run import Run

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent

log = logging.getLogger(__name__)

FILE = "lineage.openlineage.jsonl"
"""Name of the file in the run's folder."""


def write_events(run: Run) -> None:
    """Bring the run's event file up to date and send new events to the configured server, if any.

    Without the extra ``openlineage`` nothing is written; a warning says so where a server is configured.
    A server that fails is logged, for the run itself is fine.
    """
    if not _is_installed():
        if _is_configured():
            log.warning("OpenLineage events are neither written nor sent: %s", _not_installed())
        return
    path = run.path(FILE)
    # Lines that were harmed are not found again, and are written anew.
    known = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    lines = _lines(run)
    text = "".join(lines)
    if text != known:
        write_text(path, text)
    sent_before = set(known.splitlines(keepends=True))
    new = [event for line, event in lines.items() if line not in sent_before]
    if new and _is_configured():
        _send(new, path)


def export_events(run: Run, path: Path) -> None:
    """Write the events of every finished stage to ``path``.

    Raises:
        UsageError: the extra ``openlineage`` is not installed.
    """
    if not _is_installed():
        raise UsageError(f"--openlineage: {_not_installed()}")
    write_text(path, "".join(_lines(run)))


def _lines(run: Run) -> dict[str, RunEvent]:
    """Return events by their line in the file, in the order of the stages."""
    from openlineage.client.serde import Serde

    from mlc_data.lineage.openlineage_events import build_events

    return {Serde.to_json(event, ensure_ascii=False) + "\n": event for event in build_events(run)}


def _not_installed() -> str:
    return f"openlineage-python is not installed: {install_extra('openlineage')}"


def _is_installed() -> bool:
    return find_spec("openlineage") is not None and find_spec("openlineage.client") is not None


def _is_configured() -> bool:
    """Return whether the user named a server in one of the places where OpenLineage's client looks."""
    folders = (Path.cwd(), Path.home() / ".openlineage")
    return any(
        name in ("OPENLINEAGE_URL", "OPENLINEAGE_CONFIG")
        or name.startswith("OPENLINEAGE__TRANSPORT")
        for name in os.environ
    ) or any((folder / "openlineage.yml").is_file() for folder in folders)


def _send(events: list[RunEvent], path: Path) -> None:
    from openlineage.client import OpenLineageClient

    client = OpenLineageClient()
    try:
        for event in events:
            client.emit(event)
    except OSError as error:  # every error of requests is one
        log.warning("OpenLineage: the server did not take the events, %s has them: %s", path, error)
    finally:
        client.close()
