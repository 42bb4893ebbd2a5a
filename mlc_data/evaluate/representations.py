"""The stage that measures held-out variant sets before and after alignment."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Protocol

import polars as pl
from torch import Tensor

from mlc_data.consistency.measures import LossFunction, as_table, measure
from mlc_data.core.hashing import code_version
from mlc_data.core.records import SETS, Split
from mlc_data.errors import UsageError
from mlc_data.pipeline.run import Outcome, Run, Staging, with_schema, write_table, write_text

log = logging.getLogger(__name__)

CONSISTENCY: dict[str, pl.DataType] = {
    "when": pl.String(),
    "language": pl.String(),
    "sets": pl.Int64(),
    "own_cosine": pl.Float64(),
    "other_cosine": pl.Float64(),
    "retrieval": pl.Float64(),
    "retrieval_centred": pl.Float64(),
}
"""``evaluation/consistency.parquet``: one row a language and model (``when``: before, after)."""

MIN_SETS = 2
"""Fewer held-out sets cannot be compared with each other."""


class Encode(Protocol):
    """Gives the hidden states of variant sets under a model."""

    def __call__(
        self,
        location: str,
        rows: Sequence[Mapping[str, Any]],
        languages: Sequence[str],
        revision: str | None,
    ) -> tuple[Tensor, Tensor]:
        """States [N, L, H] and present [N, L] of rows of `records.SETS`.

        ``location`` is a folder, file or Hub id; ``revision`` belongs to the last.
        """


def evaluate(run: Run, *, encode: Encode, loss: LossFunction, force: bool = False) -> bool:
    """Write ``evaluation/``; returns whether the stage was reused.

    The base model is measured as ``before`` and ``checkpoint/`` as ``after``, with the same sets and
    the same loss. With fewer than two held-out sets there is nothing to measure: the results are
    null, and a warning says so.

    Args:
        run: has ``sets/`` and ``checkpoint/``.
        encode: reads hidden states.
        loss: the consistency loss on the states themselves (no extractor, so that two models can be
            compared).
        force: measure again even if nothing has changed.

    Raises:
        UsageError: the sets have not been built, or nothing has been aligned yet.
    """
    recipe = run.recipe
    aligned = run.manifest.stages.get("align")
    if aligned is None or not run.path("checkpoint").is_dir():
        raise UsageError(f"{run.folder} has no checkpoint yet: run the align stage first")
    languages = (recipe.languages.source, *recipe.languages.targets)
    key = {
        "sets": run.content_hash("sets"),
        "test_share": recipe.sets.test_share,
        "languages": languages,
        "align": aligned.key,
        "checkpoint": aligned.outputs,
        "max_sets": recipe.evaluate.max_sets,
        "code": code_version("evaluate/stage.py", "evaluate/consistency.py", "align", "records.py"),
    }

    def work(staging: Staging) -> Outcome:
        rows = held_out(run).head(recipe.evaluate.max_sets).to_dicts()
        models = {
            "before": (recipe.align.model, recipe.align.revision),
            "after": (str(run.path("checkpoint")), None),
        }
        results: dict[str, Any] = {"before": None, "after": None}
        tables: dict[str, Any] = {"before": [], "after": []}
        if len(rows) < MIN_SETS:
            log.warning(
                "evaluate: %d held-out sets, nothing to measure; raise sets.test_share", len(rows)
            )
        else:
            for when, (location, revision) in models.items():
                states, present = encode(location, rows, languages, revision)
                whole, tables[when] = measure(states, present, languages, loss)
                results[when] = asdict(whole)
                told = ", ".join(f"{name} {value:.4g}" for name, value in results[when].items())
                log.info("evaluate: %s: %s", when, told)
        table = pl.DataFrame(as_table(tables["before"], tables["after"]), schema=CONSISTENCY)
        write_table(table, staging.path("evaluation", "consistency.parquet"), CONSISTENCY)
        details = {
            **results,
            "languages": languages,
            "layer": aligned.notes.get("layer", recipe.align.loss.layer),
            "center": recipe.align.loss.center,
            "by_language": {when: [asdict(row) for row in tables[when]] for when in tables},
        }
        write_text(
            staging.path("evaluation", "consistency.json"), json.dumps(details, indent=2) + "\n"
        )
        return Outcome(results=results, notes={"held_out_sets": len(rows)})

    outputs = ("evaluation/consistency.parquet", "evaluation/consistency.json")
    return run.stage("evaluate", key, outputs, work, force=force)


def held_out(run: Run) -> pl.DataFrame:
    """The held-out variant sets with at least two languages, in order of their prompt ids.

    Raises:
        UsageError: the sets have not been built yet.
    """
    files = sorted(run.path("sets").glob(f"{Split.TEST}-*.parquet"))
    if not files:
        raise UsageError(f"{run.folder} has no sets/{Split.TEST}-*.parquet: build the sets first")
    frame = pl.concat([with_schema(pl.read_parquet(file), SETS, str(file)) for file in files])
    return frame.filter(pl.col("variants").list.len() > 0).sort("prompt_id")
