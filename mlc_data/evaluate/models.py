"""The two models that an evaluation compares."""

from __future__ import annotations

from mlc_data.core.manifest import StageRecord
from mlc_data.errors import UsageError
from mlc_data.pipeline.run import Run

WHEN = ("before", "after")
"""The model that the recipe aligns, and its checkpoint."""


def aligned_stage(run: Run) -> StageRecord:
    """Return the record of the stage `align`.

    Raises:
        UsageError: nothing has been aligned yet.
    """
    record = run.manifest.stages.get("align")
    if record is None or not run.path("checkpoint").is_dir():
        raise UsageError(f"{run.folder} has no checkpoint yet: run the align stage first")
    return record


def models_to_compare(run: Run) -> dict[str, tuple[str, str | None]]:
    """Return location and revision of the model by `WHEN`."""
    base = run.recipe.align
    return {"before": (base.model, base.revision), "after": (str(run.path("checkpoint")), None)}
