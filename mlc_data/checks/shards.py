"""Shards of stages that score: one for each file of translations, with checks that have seen all of them.

State that a check needs of all translations is computed once, written next to the shards, and loaded by each shard.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from mlc_data.checks.base import Check
from mlc_data.checks.scoring import load, prepare, save
from mlc_data.checks.tables import parts, translated
from mlc_data.core import progress
from mlc_data.pipeline.layout import STORED_SCORES
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.sharding import Shard, dispatch_shards
from mlc_data.pipeline.sharding.shard import Result, folder_of
from mlc_data.pipeline.stage import Stage
from mlc_data.pipeline.staging import Staging


def dispatch_checks(
    stage: Stage,
    run: Run,
    staging: Staging,
    checks: Sequence[Check],
    *,
    weights: Sequence[int],
    label: tuple[str, str],
    others: bool = False,
    **more: Any,
) -> Iterator[tuple[Path, Result]]:
    """Do a stage in shards, one for each file of translations, once the checks are ready to score in every process.

    See `mlc_data.pipeline.sharding.dispatch_shards` and `loaded_checks`.

    Args:
        stage: the stage.
        run: the run.
        staging: the stage's staging area.
        checks: the recipe's checks.
        weights: weights of the files, see `dispatch_shards`.
        label: text of the progress bar, and its unit.
        others: whether other texts than the run's translations are to be scored, too.
        more: further arguments of `dispatch_shards`.
    """
    folder = _prepared(run.folder, staging.stage, staging.key)
    shutil.rmtree(folder, ignore_errors=True)
    ready = prepare(checks, lambda: map(translated, parts(run)), folder)
    save(ready, folder, run.path(STORED_SCORES), others=others)
    with progress.bar(label[0], sum(weights), label[1]) as bar:
        return dispatch_shards(stage, run, staging, weights, bar, **more)


def loaded_checks(shard: Shard, run: Run, checks: Sequence[Check]) -> tuple[Check, ...]:
    """Return the checks, ready to score the run's translations or other texts."""
    folder = _prepared(Path(shard.run), shard.stage, shard.key)
    return load(checks, folder, run.path(STORED_SCORES), lambda: map(translated, parts(run)))


def _prepared(run: Path, stage: str, key: str) -> Path:
    return folder_of(run, stage, key) / "checks"
