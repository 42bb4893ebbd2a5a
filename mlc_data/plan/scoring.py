"""Speed of the checks on the rows of the sample, and the share that they reject."""

from __future__ import annotations

import time
from dataclasses import dataclass

import polars as pl

from mlc_data.checks.external.check import External
from mlc_data.checks.run_limits import PAIRS, SAMPLE
from mlc_data.checks.scoring import prepare, score_rows
from mlc_data.checks.stage import recipe_checks
from mlc_data.checks.tables import translated
from mlc_data.checks.verdicts import judge
from mlc_data.core.records import Status
from mlc_data.errors import MlcDataError, first_line
from mlc_data.recipe.recipe import Recipe


@dataclass(frozen=True)
class Scoring:
    """Speed of the checks.

    Attributes:
        variant: seconds of scoring a variant.
        limits: seconds of measuring a run's limits, for a language with ``prompts`` prompts.
        rejected: share of the sample's variants that are rejected or failed.
        note: why nothing was measured, or what was left out.
    """

    variant: float
    limits: float
    rejected: float
    note: str = ""


def measure_checks(recipe: Recipe, rows: pl.DataFrame, prompts: int) -> Scoring | str:
    """Return the speed of the checks on rows of `records.TRANSLATIONS`, or why they cannot be used here.

    Scorers that are commands of the user are not run.
    """
    try:
        every = recipe_checks(recipe)
    except MlcDataError as error:
        return first_line(error)
    outside = [check.name for check in every if isinstance(check, External)]
    checks = tuple(check for check in every if not isinstance(check, External))
    good = translated(rows)
    if good.is_empty():
        return "the engine failed on every prompt of the sample"
    score_rows(prepare(checks, lambda: iter([good.head(1)])), good.head(1))  # loads their models
    started = time.perf_counter()
    ready = prepare(checks, lambda: iter([good]))
    scores = score_rows(ready, good)
    scored = time.perf_counter()
    limited = [check for check in ready if any(limit.from_run for limit in check.limits)]
    for check in limited:
        check.score(good)
    of_run = time.perf_counter() - scored
    kept = judge(rows, scores, checks).filter(pl.col("status") == Status.KEPT).height
    note = f"without the time of {', '.join(outside)}" if outside else ""
    return Scoring(
        variant=(scored - started) / good.height,
        limits=of_run / good.height * (PAIRS + min(SAMPLE, prompts)) if limited else 0.0,
        rejected=1 - kept / rows.height,
        note=note,
    )
