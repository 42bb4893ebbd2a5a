"""Running stages in order, each only if something changed."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from mlc_data.core import progress
from mlc_data.core.extras import explain_missing_extra
from mlc_data.core.time_limit import time_limit
from mlc_data.errors import explain_full_disk
from mlc_data.lineage.openlineage import write_events
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import do, is_done
from mlc_data.rescue.stage import only_thresholds_changed
from mlc_data.stages import EVALUATION, NAMES, dependents, named, up_to

log = logging.getLogger(__name__)


def preflight(run: Run, names: Iterable[str] = NAMES) -> None:
    """Check everything that the stages need before the first of them starts.

    Raises:
        UsageError: a file, a model, a language or an extra of this package is missing, or a later stage
            is bound to fail.
    """
    with explain_missing_extra():
        for name in names:
            named(name).preflight(run)


def run_stage(run: Run, name: str, *, force: bool = False) -> bool:
    """Run one stage; return whether it was reused.

    If its outputs change, the stages that depend on it leave the manifest.

    Raises:
        MlcDataError: see the stage; `DiskFullError` where no space is left.
    """
    stage = named(name)
    limit = run.recipe.runner.stage_limit
    with (
        run.locked(),
        explain_full_disk(name, run.folder),
        time_limit(name, limit),
        progress.stage(name) as end,
    ):
        end.reused = do(run, stage, dependents(stage), force=force)
        write_events(run)
    return end.reused


def run_stages(run: Run, last: str, *, force: bool = False) -> dict[str, bool]:
    """Run every stage up to ``last``; ``force`` repeats ``last``, and with it the others of `EVALUATION`.

    New thresholds (``last`` is ``check`` or ``sets``) are applied to stored scores and attempts: what they
    reject in addition is not translated again. The whole pipeline (the flows, `run_pipeline`) and
    ``last="rescue"`` do translate it again.

    Returns:
        For each stage, whether it was reused.
    """
    with run.locked():
        return {name: _brought_up(run, name, last, force) for name in up_to(last)}


def _brought_up(run: Run, name: str, last: str, force: bool) -> bool:
    if name == "rescue" and last in ("check", "sets") and only_thresholds_changed(run):
        log.info("rescue: kept as it is; `mlc-data rescue` retries what new thresholds reject")
        return True
    again = name == last or {name, last} <= set(EVALUATION)
    return run_stage(run, name, force=force and again)


def run_pipeline(run: Run) -> None:
    """Run every stage in order, as the flow `build-and-align` does with Prefect.

    Raises:
        MlcDataError: see `run_stage`.
    """
    with run.locked():
        for name in NAMES:
            run_stage(run, name)


def first_pending(run: Run, names: Iterable[str] = NAMES) -> str | None:
    """Return the first stage that would run; None if all are up to date. Nothing is started."""
    return next((name for name in names if not is_done(run, named(name))), None)
