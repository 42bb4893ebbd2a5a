"""Prompts seen so far, by their ids: on disk once there are many."""

from __future__ import annotations

import sqlite3

from mlc_data.core.records import Prompt

_CREATE = (
    "CREATE TABLE seen (id INTEGER PRIMARY KEY, row INTEGER NOT NULL, paired INTEGER NOT NULL)"
)


class SeenPrompts:
    """The rows of prompts that were kept, in a temporary database of some 25 bytes each."""

    def __init__(self) -> None:
        # Without a name, SQLite writes what exceeds its buffer (2 MB) to a file that goes with the connection.
        self._connection = sqlite3.connect("", isolation_level=None)
        for line in ("PRAGMA journal_mode=OFF", "PRAGMA synchronous=OFF", _CREATE, "BEGIN"):
            self._connection.execute(line)

    def add(self, prompt: Prompt) -> int | None:
        """Add a prompt; return None, or the row of the same prompt that is there already."""
        paired = bool(prompt.chosen and prompt.rejected)
        values = (_key(prompt), prompt.row, paired)
        new = self._connection.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", values)
        return None if new.rowcount else self.find(prompt)

    def find(self, prompt: Prompt) -> int | None:
        """Return the row of the same prompt; None if it was not added."""
        found = self._connection.execute("SELECT row FROM seen WHERE id = ?", (_key(prompt),))
        row = found.fetchone()
        return None if row is None else int(row[0])

    def pair(self, prompt: Prompt) -> bool:
        """Note that the same prompt has a pair now; return whether it had none."""
        noted = "UPDATE seen SET paired = 1 WHERE id = ? AND NOT paired"
        return self._connection.execute(noted, (_key(prompt),)).rowcount > 0

    def close(self) -> None:
        """Remove the database."""
        self._connection.close()


def _key(prompt: Prompt) -> int:
    """Return the id as a signed number of 64 bits."""
    return int(prompt.prompt_id, 16) - 2**63
