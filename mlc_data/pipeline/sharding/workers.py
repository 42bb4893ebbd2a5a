"""Who does shards: threads of this process, or whatever a flow hands them to."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from mlc_data.pipeline.sharding.shard import Result, Shard, do, halt
from mlc_data.recipe.recipe import Recipe

log = logging.getLogger(__name__)

AT_ONCE = 2
"""Shards in work at the same time: while CTranslate2 works on one (it lets go of the interpreter), Python splits,
looks up, joins and writes another. A few at a time, so that memory stays flat."""


Done = Callable[[Shard, Result], None]
"""Is told of a shard that is done."""


class Workers(Protocol):
    """Does shards, each by `do`, in any order and any process."""

    @property
    def here(self) -> bool:
        """Whether they work in this process, and so show their own progress."""

    @property
    def apart(self) -> bool:
        """Whether they may be on other machines, which see the run's folder and not this machine's cache."""

    def do(self, shards: Sequence[Shard], done: Done) -> None:
        """Do all of them, and tell ``done`` of each. Raises the first error, after which none is begun."""


@dataclass(frozen=True)
class Threads:
    """Threads of this process, ``at_once`` of them."""

    at_once: int = AT_ONCE
    here = True
    apart = False

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
                halt(shards[0].key)
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
    """Who is to do shards now: whom `using` names, else threads."""
    chosen = _chosen.get()
    if chosen is not None:
        return chosen
    runner = recipe.runner
    if runner.type != "threads":
        log.warning(
            "runner.type is %s, which goes with the flows (mlc-data run, mlc-data trigger): this command works "
            "with threads on this machine alone", runner.type,
        )  # fmt: skip
        return Threads()
    return Threads(runner.workers or AT_ONCE)
