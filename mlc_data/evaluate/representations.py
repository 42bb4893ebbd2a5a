"""The stage that measures held-out variant sets before and after alignment."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from mlc_data.consistency.sets import MIN_SETS, held_out
from mlc_data.core.files import write_text
from mlc_data.core.manifest import BASE
from mlc_data.core.parquet import write_table
from mlc_data.evaluate.models import aligned_stage, models_to_compare
from mlc_data.evaluate.plane import STATES, plane
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import Stage, StageResult
from mlc_data.pipeline.staging import Staging
from mlc_data.recipe.align import Align

if TYPE_CHECKING:
    from torch import Tensor

    from mlc_data.consistency.measures import LossFunction

log = logging.getLogger(__name__)

CONSISTENCY: dict[str, pl.DataType] = {
    "when": pl.String(),
    "language": pl.String(),
    "sets": pl.Int64(),
    **dict.fromkeys(("own_cosine", "other_cosine", "retrieval", "retrieval_centred"), pl.Float64()),
}
"""``evaluation/consistency.parquet``: one row a language and model (``when``: before, after)."""


class ConsistencyStage(Stage):
    """Measure held-out variant sets before and after alignment: ``evaluation/consistency.*`` and ``states.parquet``.

    The base model is measured as ``before`` and ``checkpoint/`` as ``after``, with the same sets and the same
    loss (without extractor, so that two models can be compared). With fewer than two held-out sets there is
    nothing to measure: the results are null, and a warning says so.

    Raises:
        UsageError: the sets have not been built, or nothing has been aligned yet.
    """

    name = "evaluate"
    version = 2  # the plane of the states is kept
    reads = ("sets", "checkpoint")
    writes: ClassVar = {
        "evaluation/consistency.parquet": "consistency by language",
        "evaluation/consistency.json": "consistency",
        "evaluation/states.parquet": "held-out variants in two dimensions",
    }
    models = (BASE,)
    results = ("before", "after")

    def key(self, run: Run) -> dict[str, Any]:
        """See `Stage.key`."""
        recipe, aligned = run.recipe, aligned_stage(run)
        return {
            "sets": run.content_hash("sets"),
            "test_share": recipe.sets.test_share,
            "languages": [recipe.languages.source, *recipe.languages.targets],
            "align": aligned.key,
            "checkpoint": aligned.outputs,
            "max_sets": recipe.evaluate.max_sets,
        }

    def work(self, run: Run, staging: Staging) -> StageResult:
        """See `Stage.work`."""
        # Imported here: torch takes seconds to import.
        from mlc_data.consistency.measures import as_table, measure

        recipe, aligned = run.recipe, aligned_stage(run)
        languages = (recipe.languages.source, *recipe.languages.targets)
        rows = held_out(run).head(recipe.evaluate.max_sets).to_dicts()
        results: dict[str, Any] = {"before": None, "after": None}
        tables: dict[str, Any] = {"before": [], "after": []}
        planes = [pl.DataFrame(schema=STATES)]
        layer = aligned.notes.get("layer", recipe.align.loss.layer)
        if len(rows) < MIN_SETS:
            log.warning(
                "evaluate: %d held-out sets, nothing to measure; raise sets.test_share", len(rows)
            )
        else:
            settings = recipe.align.with_layer(layer)
            for when, (location, revision) in models_to_compare(run).items():
                states, present = self.encode(run, settings, location, revision, rows)
                whole, tables[when] = measure(states, present, languages, self.loss(run))
                results[when] = asdict(whole)
                ids = [row["prompt_id"] for row in rows]
                planes.append(plane(when, states, present, ids, languages))
                log.info(
                    "evaluate: %s alignment: MLC loss %.4f, %.1f %% of variants nearest to their own prompt",
                    when, whole.loss, 100 * whole.retrieval,
                )  # fmt: skip
        table = pl.DataFrame(as_table(tables["before"], tables["after"]), schema=CONSISTENCY)
        write_table(table, staging.path("evaluation", "consistency.parquet"), CONSISTENCY)
        write_table(pl.concat(planes), staging.path("evaluation", "states.parquet"), STATES)
        details = {
            **results,
            "languages": languages,
            "layer": layer,
            "center": recipe.align.loss.center,
            "by_language": {when: [asdict(row) for row in tables[when]] for when in tables},
        }
        write_text(
            staging.path("evaluation", "consistency.json"), json.dumps(details, indent=2) + "\n"
        )
        return StageResult(results=results, notes={"held_out_sets": len(rows)})

    def encode(
        self, run: Run, settings: Align, location: str, revision: str | None, rows: Sequence[Any]
    ) -> tuple[Tensor, Tensor]:
        """Return hidden states [N, L, H] and present [N, L] of N rows of `records.SETS` under a model."""
        from mlc_data.consistency.encode import encode_location

        languages = (run.recipe.languages.source, *run.recipe.languages.targets)
        size = run.recipe.evaluate.batch_size
        return encode_location(
            location, rows, languages, settings, batch_size=size, revision=revision
        )

    def loss(self, run: Run) -> LossFunction:
        """Return the consistency loss without extractor."""
        from mlc_data.consistency.encode import plain_loss

        return plain_loss(run.recipe.align.loss)
