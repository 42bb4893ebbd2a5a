"""A stage's shards, handed to workers; those that an interrupted run finished are not repeated."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from mlc_data.core import progress
from mlc_data.core.files import write_text
from mlc_data.errors import MlcDataError
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.sharding.shard import (
    PLAN,
    PROCESS,
    Result,
    Shard,
    clear_state,
    report_progress,
)
from mlc_data.pipeline.sharding.workers import current
from mlc_data.pipeline.stage import Stage
from mlc_data.pipeline.staging import Staging

log = logging.getLogger(__name__)

Replicate = Callable[[Path, bool], AbstractContextManager[None]]
"""Context that writes the files that workers on other machines need into the shards' folder (second argument True),
and merges what they leave there, also what workers of an interrupted run left."""


def dispatch_shards(
    stage: Stage,
    run: Run,
    staging: Staging,
    weights: Sequence[int],
    bar: progress.Bar,
    *,
    plan: Mapping[str, Any] | None = None,
    replicate: Replicate | None = None,
) -> Iterator[tuple[Path, Result]]:
    """Do all shards of a stage.

    Args:
        stage: the stage.
        run: the run.
        staging: the stage's staging area; its key is that of the shards.
        weights: units of progress of each shard; one entry per shard.
        bar: shows the progress.
        plan: JSON-able; every shard can read it with `read_plan`.
        replicate: entered before the first shard, and left after the last one.

    Returns:
        For each shard, in order, its table and its result, compared with its checksum at that moment. Move or read
        the tables before the stage ends.

    Raises:
        MlcDataError: error of the first shard that fails; finished shards are kept for the next run. Or, from the
            iterator, a table was changed since it was written.
    """
    runner, workers = run.recipe.runner, current(run.recipe)
    cores = None if workers.in_process else runner.cpus_per_task
    of_run = str(run.folder.resolve())
    by = f"{type(stage).__module__}:{type(stage).__qualname__}"
    shards = [
        Shard(of_run, stage.name, by, staging.key, number, cores) for number in range(len(weights))
    ]
    results: dict[int, Result] = {}
    if shards:
        shards[0].folder.mkdir(parents=True, exist_ok=True)
        recipe = run.recipe.model_dump(mode="json")
        write_text(
            shards[0].folder / PLAN, json.dumps({"recipe": recipe, "plan": dict(plan or {})})
        )
    for shard in shards:
        if (known := shard.result()) is not None:
            results[shard.number] = known
            bar.advance(weights[shard.number])
    if results:
        log.info("%s: %d of %d shards were done before", staging.stage, len(results), len(shards))
    left = [shard for shard in shards if shard.number not in results]

    def done(shard: Shard, result: Result) -> None:
        results[shard.number] = result
        if not workers.in_process:
            bar.advance(weights[shard.number])

    replicated = (
        replicate(shards[0].folder, workers.remote) if replicate and shards else nullcontext()
    )
    try:
        with report_progress(staging.key, bar), replicated:
            workers.do(left, done)
    finally:
        clear_state()
    processes = {result[PROCESS] for result in results.values()}
    if len(shards) > 1:
        who = "one process" if len(processes) == 1 else f"{len(processes)} processes"
        log.info("%s: %d shards, by %s", staging.stage, len(shards), who)
    return _intact(shards)


def _intact(shards: Sequence[Shard]) -> Iterator[tuple[Path, Result]]:
    for shard in shards:
        result = shard.result()
        if result is None:
            raise MlcDataError(
                f"{shard.stage}: {shard.table} is missing or was changed since it was written; run the same command "
                "again to do this shard again"
            )
        yield shard.table, result


def read_plan(shard: Shard) -> dict[str, Any]:
    """Return the stage's ``plan``; see `dispatch_shards`."""
    plan: dict[str, Any] = json.loads((shard.folder / PLAN).read_text(encoding="utf-8"))["plan"]
    return plan
