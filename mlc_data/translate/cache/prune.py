"""Size of the translation cache, and removal of old entries."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from mlc_data.translate.cache.store import connected, today

_OVERHEAD = 48  # bytes of an entry in addition to its text, roughly


@dataclass(frozen=True)
class Stats:
    """Size and age of a cache.

    Attributes:
        entries: hypotheses, or lists of them.
        size: bytes of the file, its write-ahead log included.
        oldest: days since the least recently used entry was used; None if it is empty.
        unused_30: entries that were not used for 30 days.
    """

    entries: int
    size: int
    oldest: int | None
    unused_30: int


def stats(path: Path) -> Stats:
    """Return size and age of a cache's file; one that does not exist is empty and is not created.

    Raises:
        MlcDataError: it cannot be read.
    """
    if not path.exists():
        return Stats(0, 0, None, 0)
    with connected(path) as connection:
        entries, first = connection.execute("SELECT count(*), min(used) FROM hypotheses").fetchone()
        (unused,) = connection.execute(
            "SELECT count(*) FROM hypotheses WHERE used < ?", (today() - 30,)
        ).fetchone()
        oldest = None if first is None else today() - first
        return Stats(entries, _size(path), oldest, unused)


def prune(path: Path, older_than: int | None = None, max_size: int | None = None) -> int:
    """Remove entries and free their space; other processes may use the cache meanwhile.

    Args:
        path: the cache's file.
        older_than: remove entries that were not used for more than this number of days (0 and up).
        max_size: then remove the least recently used entries until the file has at most this number of bytes.

    Returns:
        The number of entries removed.

    Raises:
        MlcDataError: the file cannot be used.
    """
    if not path.exists():
        return 0
    with connected(path) as connection:
        before = _entries(connection)
        if older_than is not None:
            with connection:
                connection.execute("DELETE FROM hypotheses WHERE used < ?", (today() - older_than,))
        _compact(connection)
        while max_size is not None and _size(path) > max_size and _entries(connection):
            _drop(connection, _size(path) - max_size)
            _compact(connection)
        return before - _entries(connection)


def _drop(connection: sqlite3.Connection, excess: int) -> None:
    """Delete the least recently used entries, about ``excess`` bytes of them."""
    freed, keys = 0, []
    query = "SELECT key, length(CAST(value AS BLOB)) FROM hypotheses ORDER BY used, key"
    for key, length in connection.execute(query):
        keys.append((key,))
        freed += length + _OVERHEAD
        if freed >= excess:
            break
    with connection:
        connection.executemany("DELETE FROM hypotheses WHERE key = ?", keys)


def _entries(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM hypotheses").fetchone()[0])


def _compact(connection: sqlite3.Connection) -> None:
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _size(path: Path) -> int:
    files = (path, path.with_name(f"{path.name}-wal"))
    return sum(file.stat().st_size for file in files if file.exists())
