"""One part of a stage's work, identified by a folder and a number: any process that sees the run's folder can do it.

A shard writes a table and a record next to it, each atomically, the record last. The record holds a checksum of
the table and of itself: a finished shard is not repeated, neither after a crash nor when a cluster hands it out
twice, and one that was harmed since is.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from mlc_data.core import progress
from mlc_data.core.files import sync, write_text
from mlc_data.core.hashing import hash_file, hash_value
from mlc_data.errors import MlcDataError, StoppedError, explain_full_disk
from mlc_data.pipeline.layout import shards_folder
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import parse_recipe

log = logging.getLogger(__name__)

_T = TypeVar("_T")

Result = dict[str, Any]
"""Figures of a shard (JSON-able), stored next to its table."""

PLAN = "plan.json"
"""File next to the shards: the recipe, and the stage's plan."""

PROCESS = "process"
"""Key in a result: the process that did the shard, as ``host:pid``."""


def folder_of(run: Path, stage: str, key: str) -> Path:
    """Return the folder of a stage's shards and their files, which exists until the stage is done."""
    return shards_folder(run, stage) / key[:16]


@dataclass(frozen=True)
class Shard:
    """One part of a stage.

    Attributes:
        run: the run's folder, absolute.
        stage: the stage's name.
        by: the stage's class, as ``module:class``: any process can import it.
        key: the stage's key: a hash of everything that determines its tables.
        number: from 0; the stage decides which part of the work it is.
        cores: number of cores that it may use; None: all of them, shared with the rest of the process.
    """

    run: str
    stage: str
    by: str
    key: str
    number: int
    cores: int | None = None

    @property
    def folder(self) -> Path:
        """Folder of the shard; see `folder_of`."""
        return folder_of(Path(self.run), self.stage, self.key)

    @property
    def table(self) -> Path:
        """The table that the shard writes."""
        return self.folder / f"part-{self.number:05d}.parquet"

    @property
    def record(self) -> Path:
        """The file with its result; written last."""
        return self.table.with_suffix(".json")

    def result(self) -> Result | None:
        """Return the result; None if the shard is not done, or its files are not as they were written."""
        if not (self.record.is_file() and self.table.is_file()):
            return None
        try:
            result: Result = unsealed(self.record.read_bytes(), self.table)
        except ValueError as damage:
            log.warning("%s: %s is done again: %s", self.stage, self.table, damage)
            return None
        return result

    def finish(self, temporary: Path, result: Result) -> None:
        """Put the written table in its place, and the sealed record beside it."""
        sync(temporary)
        record = sealed(result, temporary)
        temporary.replace(self.table)
        write_text(self.record, record, tidy=False)

    def check_key(self, key: str) -> None:
        """Compare the stage's key with the one that this process computes.

        Raises:
            MlcDataError: they differ: this process would write other rows than the others.
        """
        if key != self.key:
            raise MlcDataError(
                f"{self.stage}: the worker on {platform.node()} would not give the rows that the run {self.run} "
                "needs: it has another version of mlc-data, other models or word lists, or another "
                "device or numeric type (translate.device, translate.compute_type) than the machine that "
                "the flow runs on"
            )


def do(shard: Shard) -> Result:
    """Do a shard in this process, unless it is done already.

    Raises:
        MlcDataError: see the stage, and `Shard.check_key`.
        DiskFullError: no space is left.
    """
    if (finished := shard.result()) is not None:
        return finished
    module, _, name = shard.by.partition(":")
    stage = getattr(import_module(module), name)()
    # Another process may be doing it too, because the cluster believes that this one died.
    temporary = shard.folder / f".{shard.table.name}.{uuid.uuid4().hex}"
    with explain_full_disk(shard.stage, Path(shard.run)):
        try:
            result: Result = stage.shard(shard, temporary, _bars.get(shard.key, _Silent()))
            result[PROCESS] = f"{platform.node()}:{os.getpid()}"
            shard.finish(temporary, result)
        finally:
            temporary.unlink(missing_ok=True)
    return result


class _Silent:
    def advance(self, steps: int = 1) -> None:
        """Report nothing: this process shows no progress."""


class _Live:
    """Shows the progress of shards in this process, and stops them once cancelled."""

    def __init__(self, bar: progress.Bar) -> None:
        self._bar, self.cancelled = bar, False

    def advance(self, steps: int = 1) -> None:
        if self.cancelled:
            raise StoppedError("stopped: another shard failed, or a stop was requested")
        self._bar.advance(steps)


_bars: dict[str, _Live] = {}


@contextmanager
def report_progress(key: str, bar: progress.Bar) -> Iterator[None]:
    """Let shards of this stage in this process report their progress to ``bar``."""
    _bars[key] = _Live(bar)
    try:
        yield
    finally:
        del _bars[key]


def cancel(key: str) -> None:
    """Stop this process's running shards of the stage at their next report of progress: what they have
    translated by then is in the cache."""
    if key in _bars:
        _bars[key].cancelled = True


def sealed(result: Result, table: Path) -> str:
    """Return a shard's record as text: the result, the table's SHA-256, and a hash of both."""
    content = {"result": result, "table": hash_file(table)}
    return json.dumps({**content, "hash": hash_value(content)})


def unsealed(record: bytes, table: Path) -> Result:
    """Return the result in a shard's record.

    Raises:
        ValueError: the record or the table is not as it was written; says which.
    """
    try:
        content = json.loads(record)
        expected = content.pop("hash")
        result: Result = content["result"]
        whole = hash_value(content) == expected
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("its record cannot be read") from error
    if not whole:
        raise ValueError("its record was changed")
    if hash_file(table) != content["table"]:
        raise ValueError("it was changed since it was written")
    return result


_memory: dict[Shard, Any] = {}
_one_at_a_time = Lock()


def shard_state(shard: Shard, make: Callable[[Run], _T]) -> _T:
    """Return what all shards of a stage need (models, an index), made once per process from the run.

    Only the last stage's is kept: a process never holds the models of two stages. See `clear_state`.
    """
    stage = replace(shard, number=0)
    with _one_at_a_time:
        if stage not in _memory:
            _memory.clear()
            _memory[stage] = make(_opened(shard))
        state: _T = _memory[stage]
        return state


def _opened(shard: Shard) -> Run:
    """Return the run with the recipe that the stage was begun with; the file in the folder may be edited."""
    recipe = json.loads((shard.folder / PLAN).read_text(encoding="utf-8"))["recipe"]
    return Run.of(parse_recipe(recipe, str(shard.folder / PLAN)), Path(shard.run))


def clear_state() -> None:
    """Free what `shard_state` keeps."""
    with _one_at_a_time:
        _memory.clear()
