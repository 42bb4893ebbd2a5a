"""A stage's shards, handed to workers; those that an interrupted run has finished are not done again."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from mlc_data.core import progress
from mlc_data.core.files import write_text
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.sharding.shard import PROCESS, Result, Shard, forget, shown
from mlc_data.pipeline.sharding.workers import current
from mlc_data.pipeline.stage import Stage
from mlc_data.pipeline.staging import Staging

log = logging.getLogger(__name__)

_PLAN = "plan.json"

Lend = Callable[[Path, bool], AbstractContextManager[None]]
"""Makes files in the shards' folder that workers on other machines need (if there may be some), and takes in what
they leave there, also what those of an interrupted run have left."""


def spread(
    stage: Stage,
    run: Run,
    staging: Staging,
    weights: Sequence[int],
    bar: progress.Bar,
    *,
    plan: Mapping[str, Any] | None = None,
    lend: Lend | None = None,
) -> list[tuple[Path, Result]]:
    """Do all shards of a stage.

    Args:
        stage: the stage.
        run: the run.
        staging: the stage's; its key is that of the shards.
        weights: what each shard adds to the bar; their number is that of the shards.
        bar: shows the progress.
        plan: JSON-able; what every shard may ask `planned` for.
        lend: entered before the first shard, and left after the last one.

    Returns:
        For each shard, in order, its table and its result. The tables are to be moved or read before the
        stage ends.

    Raises:
        MlcDataError: of the first shard that fails; those that are done are kept for the next run.
    """
    runner, workers = run.recipe.runner, current(run.recipe)
    cores = None if workers.here else runner.cpus_per_task
    of_run = str(run.folder.resolve())
    by = f"{type(stage).__module__}:{type(stage).__qualname__}"
    shards = [
        Shard(of_run, stage.name, by, staging.key, number, cores) for number in range(len(weights))
    ]
    results: dict[int, Result] = {}
    if shards:
        shards[0].folder.mkdir(parents=True, exist_ok=True)
        write_text(shards[0].folder / _PLAN, json.dumps(plan or {}))
    for shard in shards:
        if (known := shard.result()) is not None:
            results[shard.number] = known
            bar.advance(weights[shard.number])
    if results:
        log.info("%s: %d of %d shards were done before", staging.stage, len(results), len(shards))
    left = [shard for shard in shards if shard.number not in results]

    def done(shard: Shard, result: Result) -> None:
        results[shard.number] = result
        if not workers.here:
            bar.advance(weights[shard.number])

    with_lent = lend(shards[0].folder, workers.apart) if lend and shards else nullcontext()
    try:
        with shown(staging.key, bar), with_lent:
            workers.do(left, done)
    finally:
        forget()
    processes = {result[PROCESS] for result in results.values()}
    if len(shards) > 1:
        who = "one process" if len(processes) == 1 else f"{len(processes)} processes"
        log.info("%s: %d shards, by %s", staging.stage, len(shards), who)
    return [(shard.table, results[shard.number]) for shard in shards]


def planned(shard: Shard) -> dict[str, Any]:
    """The stage's ``plan``."""
    found: dict[str, Any] = json.loads((shard.folder / _PLAN).read_text(encoding="utf-8"))
    return found
