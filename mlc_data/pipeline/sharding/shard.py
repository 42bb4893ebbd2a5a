"""One part of a stage's work, told by a folder and numbers: any process that sees the run's folder can do it.

A shard leaves a table and a record beside it, both put in place in one step, the record last. Done once, it is
not done again: neither after a crash, nor when a cluster hands it out twice.
"""

from __future__ import annotations

import json
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
from mlc_data.errors import MlcDataError, StoppedError, full_disk_told
from mlc_data.pipeline.layout import shards_folder
from mlc_data.pipeline.run import Run

_T = TypeVar("_T")

Result = dict[str, Any]
"""What a stage is told of a shard beside its table: JSON-able."""

PROCESS = "process"
"""Key of a result: which process did it, as ``host:pid``."""


def folder_of(run: Path, stage: str, key: str) -> Path:
    """Where the shards of a stage lie, and what they need besides the run's own files, until it is done."""
    return shards_folder(run, stage) / key[:16]


@dataclass(frozen=True)
class Shard:
    """One part of a stage.

    Attributes:
        run: the run's folder, absolute.
        stage: the stage's name.
        by: the stage's class, as ``module:class``: any process can import it.
        key: of the stage: a hash of everything that determines its tables.
        number: from 0; what it stands for is the stage's to say.
        cores: that its work may use; None where it shares them all with whatever else the process does.
    """

    run: str
    stage: str
    by: str
    key: str
    number: int
    cores: int | None = None

    @property
    def folder(self) -> Path:
        """See `folder_of`."""
        return folder_of(Path(self.run), self.stage, self.key)

    @property
    def table(self) -> Path:
        """The table that it leaves."""
        return self.folder / f"part-{self.number:05d}.parquet"

    @property
    def record(self) -> Path:
        """The file with its result; written last."""
        return self.table.with_suffix(".json")

    def result(self) -> Result | None:
        """What came of it, if it is done."""
        if not (self.record.is_file() and self.table.is_file()):
            return None
        found: Result = json.loads(self.record.read_text(encoding="utf-8"))
        return found

    def check_key(self, key: str) -> None:
        """Compare the stage's key with the one that this process computes.

        Raises:
            MlcDataError: they differ: this process would write other rows than the others.
        """
        if key != self.key:
            raise MlcDataError(
                f"{self.stage}: the worker on {platform.node()} would not make what the run {self.run} "
                "asks for: it has another version of mlc-data, other models or word lists, or another "
                "device or numeric type (translate.device, translate.compute_type) than the machine that "
                "the flow runs on"
            )


def do(shard: Shard) -> Result:
    """Do a shard here and now, unless it is done already.

    Raises:
        MlcDataError: see the stage, and `Shard.check_key`.
        DiskFullError: no space is left.
    """
    if (found := shard.result()) is not None:
        return found
    module, _, name = shard.by.partition(":")
    stage = getattr(import_module(module), name)()
    # Another process may be at it too, for a cluster that takes it for dead.
    temporary = shard.folder / f".{shard.table.name}.{uuid.uuid4().hex}"
    with full_disk_told(shard.stage, Path(shard.run)):
        try:
            result: Result = stage.shard(shard, temporary, _bars.get(shard.key, _Silent()))
            result[PROCESS] = f"{platform.node()}:{os.getpid()}"
            sync(temporary)
            temporary.replace(shard.table)
        finally:
            temporary.unlink(missing_ok=True)
        write_text(shard.record, json.dumps(result))
    return result


class _Silent:
    def advance(self, steps: int = 1) -> None:
        """Nobody listens in this process."""


class _Live:
    """Shows the progress of shards in this process, until they are to stop."""

    def __init__(self, bar: progress.Bar) -> None:
        self._bar, self.halted = bar, False

    def advance(self, steps: int = 1) -> None:
        if self.halted:
            raise StoppedError("stopped: another shard failed, or somebody asked to stop")
        self._bar.advance(steps)


_bars: dict[str, _Live] = {}


@contextmanager
def shown(key: str, bar: progress.Bar) -> Iterator[None]:
    """Let shards of this stage that are done in this process report to ``bar``."""
    _bars[key] = _Live(bar)
    try:
        yield
    finally:
        del _bars[key]


def halt(key: str) -> None:
    """Stop the shards of this stage that are in work in this process, at their next report of progress: what
    they have translated by then is in the cache."""
    if key in _bars:
        _bars[key].halted = True


_memory: dict[Shard, Any] = {}
_one_at_a_time = Lock()


def remembered(shard: Shard, make: Callable[[Run], _T]) -> _T:
    """What all shards of a stage need (models, an index), made once a process from the run.

    Only the last stage's is kept: a process never holds the models of two stages. See `forget`.
    """
    stage = replace(shard, number=0)
    with _one_at_a_time:
        if stage not in _memory:
            _memory.clear()
            _memory[stage] = make(Run.open(Path(shard.run)))
        found: _T = _memory[stage]
        return found


def forget() -> None:
    """Let go of what `remembered` keeps, and of the memory that it takes."""
    with _one_at_a_time:
        _memory.clear()
