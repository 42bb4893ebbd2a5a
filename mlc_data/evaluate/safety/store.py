"""Expensive rows (replies, judgments), stored on disk as soon as they exist.

A JSON Lines file, appended to and forced to disk batch by batch; each line has a checksum. A process that is killed
while it writes leaves at most one broken line at the end, which is dropped and computed again; so is what follows a
line that was harmed.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mlc_data.core.files import sync
from mlc_data.core.hashing import hash_value

log = logging.getLogger(__name__)

_SUM, _LENGTH = "sum", 16


class RowStore:
    """Rows by key in one file; its name identifies what else the rows depend on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows: dict[str, dict[str, Any]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = self._read() if path.exists() else 0
        self._handle = path.open("ab")
        if self._handle.tell() > whole:
            log.warning(
                "%s: cannot be read after byte %d; those rows are computed again", path, whole
            )
            self._handle.truncate(whole)

    def _read(self) -> int:
        """Read all complete rows; return the end of the last one, in bytes."""
        end = 0
        with self.path.open("rb") as handle:
            for line in handle:
                if not line.endswith(b"\n"):
                    break
                try:
                    key, row = _unsealed(line)
                except (ValueError, KeyError, AttributeError):
                    break
                self._rows[key] = row
                end += len(line)
        return end

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def __getitem__(self, key: str) -> dict[str, Any]:
        return self._rows[key]

    def add(self, rows: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Store rows; they are on disk when this returns."""
        lines = []
        for key, row in rows:
            self._rows[key] = row
            content = {"key": key, **row}
            lines.append(json.dumps({**content, _SUM: _sum(content)}, ensure_ascii=False) + "\n")
        self._handle.write("".join(lines).encode("utf-8", "surrogatepass"))
        self._handle.flush()
        os.fsync(self._handle.fileno())
        sync(self.path.parent)

    def close(self) -> None:
        """Close the file."""
        self._handle.close()


def _sum(content: Mapping[str, Any]) -> str:
    return hash_value(content)[:_LENGTH]


def _unsealed(line: bytes) -> tuple[str, dict[str, Any]]:
    """Return key and row of a line.

    Raises:
        ValueError: the line is not as it was written, or of a version that wrote no checksums.
    """
    row: dict[str, Any] = json.loads(line)
    if row.pop(_SUM, None) != _sum(row):
        raise ValueError("the line was changed since it was written")
    return row.pop("key"), row
