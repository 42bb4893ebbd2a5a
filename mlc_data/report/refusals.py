"""The table that tells whether a training learned when to refuse: by language, beside the other trainings of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rich.table import Table

from mlc_data.core.console import number, table
from mlc_data.core.parquet import read_parquet
from mlc_data.evaluate.models import WHEN
from mlc_data.pipeline.layout import place
from mlc_data.pipeline.run import Run

FILE = "evaluation/safety.parquet"

_CAPTION = (
    "How much more often harmful prompts are refused than harmless ones, held-out prompts, with intervals. "
    "0: refused alike, whether all or none of them."
)

Cells = Mapping[tuple[str | None, str], str]
"""``value [low, high]`` by language (None: their mean) and moment."""


def difference_table(run: Run, judge: str) -> Table:
    """Return harmful minus harmless refused by language: before, after, and after the run's other judged trainings.

    Args:
        run: a run whose replies have been judged.
        judge: whose judgments are shown.
    """
    own = _cells(run, run.training, judge)
    others = {
        name: cells
        for name in run.trainings()
        if name != run.training and _judged(run, name) and (cells := _cells(run, name, judge))
    }
    shown = table("language", number("before"), number("after"), caption=_CAPTION)
    for name in others:
        shown.add_column(f"after: {name or 'main training'}", justify="right")
    before, after = WHEN
    for language in dict.fromkeys(code for code, _ in own):
        found = [own.get((language, before)), own.get((language, after))]
        found += [cells.get((language, after)) for cells in others.values()]
        shown.add_row(language or "mean", *(each or "-" for each in found))
    return shown


def interval(row: Mapping[str, float | None]) -> str:
    """Return ``value [low, high]`` with two decimals; a hyphen where it is undefined."""
    value, low, high = (row[name] for name in ("value", "low", "high"))
    if value is None or low is None or high is None:
        return "-"
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _judged(run: Run, training: str | None) -> bool:
    """Return whether the replies of a training's present checkpoint have been judged."""
    return "safety" in replace(run, training=training).manifest.stages


def _cells(run: Run, training: str | None, judge: str) -> Cells:
    """Return the figures of a training in the run's folder; none where the judge has not judged it."""
    path = run.folder / place(FILE, training)
    if not path.is_file():
        return {}
    rows = read_parquet(path).filter(judge=judge)
    return {
        (row["language"], row["when"]): interval(row)
        for row in rows.iter_rows(named=True)
        if row["figure"] == ("mean_difference" if row["language"] is None else "difference")
    }
