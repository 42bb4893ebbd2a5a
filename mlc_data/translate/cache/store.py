"""Cache of translations on disk: nothing is translated twice.

An SQLite file in WAL mode, so that several processes can read and write it at once. A hypothesis is
identified by the hash of everything that determines it: sentence, languages, model revision, decoding settings
and engine version. Each row has a checksum of key and value: one that was harmed is translated again.
"""

from __future__ import annotations

import hashlib
import json
import logging
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from mlc_data.core.hashing import hash_value
from mlc_data.core.paths import user_cache
from mlc_data.core.records import FailureReason
from mlc_data.errors import DiskFullError, MlcDataError, is_disk_full
from mlc_data.translate.engines.base import Decoding, Hypothesis, Request, Translator
from mlc_data.translate.engines.fallback import engines_of

log = logging.getLogger(__name__)

FILE = "translations-2.sqlite"

TABLE = "hypotheses"
COLUMNS = "key, value, used, sum"
_CREATE = (
    f"CREATE TABLE IF NOT EXISTS {TABLE} "
    "(key BLOB PRIMARY KEY, value TEXT, used INTEGER, sum BLOB) WITHOUT ROWID"
)
_WITH_SUMS = 1
"""``PRAGMA user_version`` of a file whose rows have checksums."""
_SUM_BYTES = 8
_DAY = 86_400  # seconds; the day of an entry's last use is kept, which few look-ups have to change
_VARIABLES = 500  # SQLite allows 999 in one statement in its oldest builds
_WAIT_SECONDS = 60.0
_PAUSE_SECONDS = 0.01


class Cache:
    """Hypotheses of one translator with its present settings; may be used by several threads.

    Without a decoding the translator's own is used, as in `Translator.translate`.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        translator: Translator,
        tables: Sequence[str] = (TABLE,),
        *,
        touch: bool = True,
    ) -> None:
        """Read hypotheses from ``tables``, in this order, and write them to the first.

        With ``touch`` the day of each entry's last use is kept up to date.
        """
        self._connection = connection
        self._touches = touch
        self._tables = tables
        self._one_at_a_time = Lock()
        self._translator = translator
        self._decided: dict[tuple[str, str, Decoding, int], str] = {}
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        self._summed = version >= _WITH_SUMS  # a file that is only read may be an earlier version's

    def key(self, request: Request, decoding: Decoding | None = None, number: int = 0) -> bytes:
        """Return the hash that identifies a request's hypothesis by the engine at a place of its chain."""
        chosen = decoding or self._translator.decoding
        engine = self._engine(request.source, request.target, chosen, number)
        return bytes.fromhex(hash_value([engine, request.text, request.source, request.target]))

    def _engine(self, source: str, target: str, decoding: Decoding, number: int) -> str:
        # Of several engines only the one that is asked: the others may change.
        known = (source, target, decoding, number)
        if known not in self._decided:
            engine = engines_of(self._translator, source, target)[number]
            # Engines that search in another way say what of the decoding they use.
            used = getattr(engine, "used", None)
            decides = used(decoding) if used else decoding
            identity = [engine.id, engine.revision, engine.settings, decides.as_dict()]
            self._decided[known] = hash_value(identity)
        return self._decided[known]

    def get(
        self, requests: Sequence[Request], decoding: Decoding | None = None
    ) -> dict[Request, Hypothesis]:
        """Return the cached hypotheses of the requests; of several engines in turn, the one that counts."""
        found: dict[Request, Hypothesis] = {}
        left, number = list(requests), 0
        while left:
            new = self.get_of(left, decoding, number)
            found |= {
                request: hypothesis
                for request, hypothesis in new.items()
                if not (hypothesis.failure and self.goes_on(request, number))
            }
            left, number = [request for request in new if request not in found], number + 1
        return found

    def get_of(
        self, requests: Sequence[Request], decoding: Decoding | None, number: int
    ) -> dict[Request, Hypothesis]:
        """Return the cached hypotheses by the engine at a place (from 0) of each request's chain."""
        values = self._read(requests, decoding, number)
        return {request: _hypothesis(parts) for request, parts in values.items()}

    def goes_on(self, request: Request, number: int) -> bool:
        """Return whether an engine comes after that place of a request's chain."""
        engines = engines_of(self._translator, request.source, request.target)
        return number + 1 < len(engines)

    def get_nbest(
        self, requests: Sequence[Request], decoding: Decoding, number: int = 0
    ) -> dict[Request, list[Hypothesis]]:
        """Return the cached lists of the ``decoding.num_hypotheses`` best hypotheses of the requests."""
        return {
            request: [_hypothesis(parts) for parts in several]
            for request, several in self._read(requests, decoding, number).items()
        }

    def _read(
        self, requests: Sequence[Request], decoding: Decoding | None, number: int
    ) -> dict[Request, list[Any]]:
        by_key = {self.key(request, decoding, number): request for request in requests}
        hypotheses: dict[Request, list[Any]] = {}
        keys = list(by_key)
        for start in range(0, len(keys), _VARIABLES):
            for table in reversed(self._tables):
                for key, value in self._rows(table, keys[start : start + _VARIABLES]):
                    if (request := by_key.get(key)) is not None:
                        hypotheses[request] = json.loads(value)
        return hypotheses

    def _rows(self, table: str, keys: Sequence[bytes]) -> list[tuple[bytes, str]]:
        marks = ",".join("?" * len(keys))
        query = f"SELECT key, CAST(value AS BLOB), sum FROM {table} WHERE key IN ({marks})"
        if not self._summed:
            query = query.replace(", sum", ", NULL")
        with self._one_at_a_time:
            found = self._connection.execute(query, keys).fetchall()
            rows = [row for row in found if not self._summed or row[2] == checksum(*row[:2])]
            if len(rows) < len(found):
                log.warning(
                    "the translation cache: %d entries were harmed, and are translated again",
                    len(found) - len(rows),
                )
            if self._touches and rows and table == self._tables[0]:
                self._touch([key for key, *_ in rows])
        return [(key, value.decode("utf-8")) for key, value, _ in rows]

    def _touch(self, keys: Sequence[bytes]) -> None:
        marks = ",".join("?" * len(keys))
        with self._connection:
            self._connection.execute(
                f"UPDATE {self._tables[0]} SET used = ? WHERE key IN ({marks}) AND used < ?",
                (today(), *keys, today()),
            )

    def put(
        self,
        hypotheses: Mapping[Request, Hypothesis],
        decoding: Decoding | None = None,
        number: int = 0,
    ) -> None:
        """Store hypotheses by the engine at a place of each chain; they are on disk when this returns."""
        values = {request: _parts(hypothesis) for request, hypothesis in hypotheses.items()}
        self._write(values, decoding, number)

    def put_nbest(
        self,
        hypotheses: Mapping[Request, Sequence[Hypothesis]],
        decoding: Decoding,
        number: int = 0,
    ) -> None:
        """Store the ``decoding.num_hypotheses`` best hypotheses of each request.

        Raises:
            ValueError: a single hypothesis belongs to `put`.
        """
        if decoding.num_hypotheses < 2:
            raise ValueError("a single hypothesis belongs to `put`")
        lists = {
            request: [_parts(each) for each in several] for request, several in hypotheses.items()
        }
        self._write(lists, decoding, number)

    def _write(
        self, values: Mapping[Request, list[Any]], decoding: Decoding | None, number: int
    ) -> None:
        rows = []
        for request, parts in values.items():
            key, value = self.key(request, decoding, number), json.dumps(parts, ensure_ascii=False)
            rows.append((key, value, today(), checksum(key, value.encode("utf-8"))))
        with self._one_at_a_time, self._connection:
            self._connection.executemany(
                f"INSERT OR REPLACE INTO {self._tables[0]} ({COLUMNS}) VALUES (?, ?, ?, ?)", rows
            )


@contextmanager
def open_cache(location: str | None, translator: Translator) -> Iterator[Cache | None]:
    """Yield the cache that ``translate.cache`` names: ``auto``, a folder, or None for no cache.

    Raises:
        MlcDataError: the file cannot be used; says which and what to do.
    """
    if location is None:
        yield None
        return
    with connected(file_of(location)) as connection:
        yield Cache(connection, translator)


@contextmanager
def read_cache(location: str | None, translator: Translator) -> Iterator[Cache | None]:
    """Yield the cache for look-ups that change nothing on disk; None if there is none.

    Raises:
        MlcDataError: the file cannot be used; says which and what to do.
    """
    path = file_of(location) if location is not None else None
    if path is None or not path.is_file():
        yield None
        return
    # Without a log of changes nobody is writing; SQLite then needs no files beside this one.
    alone = not path.with_name(f"{path.name}-wal").exists()
    where = f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if alone else ''}"
    try:
        with closing(sqlite3.connect(where, timeout=_WAIT_SECONDS, uri=True)) as connection:
            yield Cache(connection, translator, touch=False)
    except sqlite3.Error as error:
        raise _unusable(path, error) from error


def file_of(location: str) -> Path:
    """Return the file of the cache that ``translate.cache`` names."""
    folder = user_cache() if location == "auto" else Path(location).expanduser()
    return folder / FILE


@contextmanager
def connected(path: Path, journal: str = "WAL") -> Iterator[sqlite3.Connection]:
    """Yield the cache's database, created if it does not exist.

    Args:
        path: the file.
        journal: SQLite's journal mode: WAL lets several processes of one machine use the file at once; in folders
            that machines share only a mode without shared memory works.

    Raises:
        MlcDataError: the file cannot be used; says which and what to do.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        where = f"{path.absolute().as_uri()}?mode=rwc"
        connection = sqlite3.connect(
            where, timeout=_WAIT_SECONDS, check_same_thread=False, uri=True
        )
    except (OSError, sqlite3.Error) as error:
        raise _unusable(path, error) from error
    try:
        _prepare(connection, journal)
        yield connection
    except sqlite3.Error as error:
        raise _unusable(path, error) from error
    finally:
        connection.close()


def _prepare(connection: sqlite3.Connection, journal: str) -> None:
    """Set the journal mode and create the table. SQLite does not wait by itself if several processes do so at once."""
    limit = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            connection.execute(f"PRAGMA journal_mode={journal}")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute(_CREATE)
            _add_sums(connection)
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > limit:
                raise
            time.sleep(_PAUSE_SECONDS)


def _add_sums(connection: sqlite3.Connection) -> None:
    """Give the rows of an earlier version's file their checksums, once."""
    version = "PRAGMA user_version"
    if connection.execute(version).fetchone()[0] >= _WITH_SUMS:
        return
    connection.create_function("checksum", 2, checksum, deterministic=True)
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        if connection.execute(version).fetchone()[0] >= _WITH_SUMS:  # another process was faster
            return
        columns = {row[1] for row in connection.execute(f"PRAGMA table_info({TABLE})")}
        if "sum" not in columns:
            log.info("the translation cache gets checksums, once")
            connection.execute(f"ALTER TABLE {TABLE} ADD COLUMN sum BLOB")
            connection.execute(f"UPDATE {TABLE} SET sum = checksum(key, CAST(value AS BLOB))")
        connection.execute(f"{version} = {_WITH_SUMS}")


def checksum(key: bytes, value: bytes | None) -> bytes:
    """Return the checksum of a row: a hash of its key and its value (UTF-8)."""
    return hashlib.blake2b(key + (value or b""), digest_size=_SUM_BYTES).digest()


def today() -> int:
    """Return the days since 1970 (UTC)."""
    return int(time.time() // _DAY)


def _unusable(path: Path, error: Exception) -> Exception:
    if is_disk_full(error):
        return DiskFullError(f"no space left on the device while writing {path}")
    return MlcDataError(
        f"the translation cache {path} cannot be used: {error}. Remove it, or name another folder "
        "with translate.cache (null keeps no cache)"
    )


def _hypothesis(parts: Sequence[Any]) -> Hypothesis:
    text, log_prob, unknown, failure, *tokens = parts
    asked, answered = tokens or (0, 0)
    reason = FailureReason(failure) if failure else None
    return Hypothesis(text, log_prob, unknown, reason, (asked, answered))


def _parts(hypothesis: Hypothesis) -> list[Any]:
    tokens = hypothesis.tokens if any(hypothesis.tokens) else ()
    one = hypothesis
    return [one.text, one.log_prob, one.unknown_share, one.failure, *tokens]
