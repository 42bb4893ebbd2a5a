"""Workers that do shards: threads of this process, or those that a flow chooses."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from mlc_data.pipeline.sharding.shard import Result, Shard, cancel, do
from mlc_data.recipe.recipe import Recipe

log = logging.getLogger(__name__)

AT_ONCE = 2
"""Shards at the same time: while CTranslate2 works on one (it releases the GIL), Python splits, looks up,
joins and writes another. Only a few, so that memory stays constant."""


Done = Callable[[Shard, Result], None]
"""Called with each finished shard and its result."""


class Workers(Protocol):
    """Does shards, each by `do`, in any order and any process."""

    @property
    def in_process(self) -> bool:
        """True if they work in this process, and so show their own progress."""

    @property
    def remote(self) -> bool:
        """True if they may be on other machines, which see the run's folder but not this machine's cache."""

    def do(self, shards: Sequence[Shard], done: Done) -> None:
        """Do all of them, calling ``done`` for each. Raises the first error, after which none is started."""


@dataclass(frozen=True)
class Threads:
    """``at_once`` threads of this process."""

    at_once: int = AT_ONCE
    in_process = True
    remote = False

    def do(self, shards: Sequence[Shard], done: Done) -> None:
        """See `Workers`."""
        waiting = iter(shards)
        with ThreadPoolExecutor(self.at_once, thread_name_prefix="shard") as pool:
            running: dict[Future[Result], Shard] = {}
            try:
                while True:
                    for shard in islice(waiting, self.at_once + 1 - len(running)):
                        running[pool.submit(do, shard)] = shard
                    if not running:
                        return
                    finished, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in finished:
                        done(running.pop(future), future.result())
            except BaseException:
                cancel(shards[0].key)
                for future in running:
                    future.cancel()
                raise


_chosen: ContextVar[Workers | None] = ContextVar("workers", default=None)


@contextmanager
def using(workers: Workers) -> Iterator[None]:
    """Let ``workers`` do the shards of all stages within."""
    token = _chosen.set(workers)
    try:
        yield
    finally:
        _chosen.reset(token)


def current(recipe: Recipe) -> Workers:
    """Return the workers to use now: those that `using` names, else threads."""
    chosen = _chosen.get()
    if chosen is not None:
        return chosen
    runner = recipe.runner
    if runner.type != "threads":
        log.warning(
            "runner.type is %s, which applies to the flows (mlc-data run, mlc-data trigger): this command uses "
            "threads on this machine only", runner.type,
        )  # fmt: skip
        return Threads()
    return Threads(runner.workers or AT_ONCE)
