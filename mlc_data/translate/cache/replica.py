"""The cache for workers on other machines, which share the run's folder and nothing else.

SQLite cannot be written by several machines at once. So they read a copy that stays as it is, each shard writes a
file of its own, and the machine that the flow runs on takes those in.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlc_data.pipeline.sharding.dispatch import Lend
from mlc_data.translate.cache.store import TABLE, Cache, connected, file_of, open_cache
from mlc_data.translate.engines.base import Translator

log = logging.getLogger(__name__)

_COPY = "cache.sqlite"
_OWN = "cache-{:05d}.sqlite"


def lending(location: str | None) -> Lend | None:
    """Lends the cache that ``translate.cache`` names to the shards of a folder (see
    `mlc_data.pipeline.sharding.dispatch`), and takes in what they have translated; None where no cache is kept."""
    if location is None:
        return None
    cache = file_of(location)

    @contextmanager
    def lent(folder: Path, apart: bool) -> Iterator[None]:
        copy = folder / _COPY
        copy.unlink(missing_ok=True)  # of a run that was killed: shards go by whether there is one
        _take_in(cache, folder)
        if apart:
            _copy(cache, copy)
        try:
            yield
        finally:
            copy.unlink(missing_ok=True)
            _take_in(cache, folder)

    return lent


@contextmanager
def shard_cache(
    location: str | None, translator: Translator, folder: Path, number: int
) -> Iterator[Cache | None]:
    """The cache for a shard: this machine's, or where it is lent a copy and a file of the shard's own.

    Raises:
        MlcDataError: the file cannot be used; says which and what to do.
    """
    copy = folder / _COPY
    if location is None or not copy.is_file():
        with open_cache(location, translator) as cache:
            yield cache
        return
    with connected(folder / _OWN.format(number), journal="DELETE") as connection:
        # Nobody writes to it: no lock is asked for, which not every shared folder has.
        connection.execute("ATTACH ? AS lent", (f"{copy.absolute().as_uri()}?mode=ro&immutable=1",))
        yield Cache(connection, translator, (f"main.{TABLE}", f"lent.{TABLE}"))


def _copy(cache: Path, to: Path) -> None:
    with connected(cache) as connection:
        connection.execute("VACUUM INTO ?", (str(to),))


def _take_in(cache: Path, folder: Path) -> None:
    # Those of a run that was killed may lie beside: its recipe was another one.
    own = sorted(folder.parent.rglob("cache-*.sqlite"))
    if not own:
        return
    with connected(cache) as connection:
        before = connection.total_changes
        for file in own:
            _merge(connection, file)
            file.unlink()
        log.info(
            "%d translations of other machines taken into the cache",
            connection.total_changes - before,
        )


def _merge(connection: sqlite3.Connection, file: Path) -> None:
    connection.execute("ATTACH ? AS own", (file.absolute().as_uri(),))
    try:
        with connection:
            known = connection.execute(
                "SELECT 1 FROM own.sqlite_master WHERE name = ?", (TABLE,)
            ).fetchone()
            # A worker that was killed at once may have left it empty.
            if known:
                connection.execute(f"INSERT OR REPLACE INTO {TABLE} SELECT * FROM own.{TABLE}")
    finally:
        connection.execute("DETACH own")
