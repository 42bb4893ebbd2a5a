"""The cache for workers on other machines, which share only the run's folder.

Several machines cannot write to one SQLite file at once. So they read a replica that does not change, each shard
writes its own file, and the machine that the flow runs on merges those into the cache.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlc_data.errors import DiskFullError, MlcDataError
from mlc_data.pipeline.sharding.dispatch import Replicate
from mlc_data.translate.cache.store import COLUMNS, TABLE, Cache, connected, file_of, open_cache
from mlc_data.translate.engines.base import Translator

log = logging.getLogger(__name__)

_COPY = "cache.sqlite"
_OWN = "cache-{:05d}.sqlite"


def cache_replica(location: str | None) -> Replicate | None:
    """Return a context that gives the shards of a folder a replica of the cache that ``translate.cache`` names, and
    merges what they translated; None without a cache. See `mlc_data.pipeline.sharding.dispatch`."""
    if location is None:
        return None
    cache = file_of(location)

    @contextmanager
    def replicated(folder: Path, remote: bool) -> Iterator[None]:
        copy = folder / _COPY
        copy.unlink(missing_ok=True)  # left by a killed run: shards check whether it exists
        _merge_files(cache, folder)
        if remote:
            _copy(cache, copy)
        try:
            yield
        finally:
            copy.unlink(missing_ok=True)
            _merge_files(cache, folder)

    return replicated


@contextmanager
def shard_cache(
    location: str | None, translator: Translator, folder: Path, number: int
) -> Iterator[Cache | None]:
    """Yield the cache for a shard: this machine's, or the replica and a file of the shard's own.

    Raises:
        MlcDataError: the file cannot be used; says which and what to do.
    """
    copy = folder / _COPY
    if location is None or not copy.is_file():
        with open_cache(location, translator) as cache:
            yield cache
        return
    with connected(folder / _OWN.format(number), journal="DELETE") as connection:
        # Nobody writes to the replica, so no lock is needed: not every shared folder has locks.
        connection.execute(
            "ATTACH ? AS replica", (f"{copy.absolute().as_uri()}?mode=ro&immutable=1",)
        )
        yield Cache(connection, translator, (f"main.{TABLE}", f"replica.{TABLE}"))


def _copy(cache: Path, to: Path) -> None:
    with connected(cache) as connection:
        connection.execute("VACUUM INTO ?", (str(to),))


def _merge_files(cache: Path, folder: Path) -> None:
    # Also files of a killed run with another recipe, in the folder next to this one.
    own = sorted(folder.parent.rglob("cache-*.sqlite"))
    if not own:
        return
    with connected(cache) as connection:
        before = connection.total_changes
        for file in own:
            if _is_usable(file):
                _merge(connection, file)
            file.unlink()
        log.info(
            "%d translations of other machines merged into the cache",
            connection.total_changes - before,
        )


def _is_usable(file: Path) -> bool:
    """Return whether a worker's file can be read; one that an earlier version made, or left empty, is brought up."""
    try:
        with connected(file, journal="DELETE"):
            return True
    except DiskFullError:
        raise
    except MlcDataError as error:
        log.warning("what is in it is translated again: %s", error)
        return False


def _merge(connection: sqlite3.Connection, file: Path) -> None:
    connection.execute("ATTACH ? AS own", (file.absolute().as_uri(),))
    try:
        with connection:
            connection.execute(
                f"INSERT OR REPLACE INTO {TABLE} ({COLUMNS}) SELECT {COLUMNS} FROM own.{TABLE}"
            )
    finally:
        connection.execute("DETACH own")
