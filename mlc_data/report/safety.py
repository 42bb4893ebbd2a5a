"""Tables of replies and judgments: by language, and over all languages with intervals."""

from __future__ import annotations

import json
from collections.abc import Iterator

import polars as pl
from rich.console import RenderableType
from rich.table import Table

from mlc_data.pipeline.run import Run

COLUMNS = {
    "safe": "safe",
    "invalid": "invalid",
    "over_refusal": "harmless refused",
    "difference": "difference",
    "same_language": "in its language",
}
"""Figures by language, as `mlc_data.evaluate.safety.rates.JudgedReplies.figures` names them, and their headings.
`difference` is how much more often harmful prompts are refused than harmless ones."""

OVER_ALL = {
    "mean_safe": "safe, mean of languages",
    "variance": "variance of languages x 100",
    "agreement": "agreement of two languages (PAG)",
    "mean_over_refusal": "harmless refused, mean",
    "mean_difference": "harmful - harmless refused, mean",
    "mean_same_language": "reply in the prompt's language, mean",
}
"""Figures over all languages, and their headings."""


def safety_tables(run: Run) -> Iterator[RenderableType]:
    """Yield the first judge's tables: one by language, `before→after`, and one over all with intervals."""
    path = run.path("evaluation", "safety.parquet")
    if not path.is_file():
        return
    frame = pl.read_parquet(path)
    counts = json.loads(run.path("evaluation", "safety.json").read_text(encoding="utf-8"))["counts"]
    first = frame["judge"][0]
    rows = frame.filter(pl.col("judge") == first)
    yield _by_language(rows, f"{counts['prompts']['asked']} prompts, judged by {first}")
    yield _over_all(rows)


def _by_language(rows: pl.DataFrame, title: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("language", no_wrap=True, min_width=8)
    for heading in COLUMNS.values():
        table.add_column(heading, min_width=10)
    cells = {
        (row["language"], row["figure"], row["when"]): row["value"]
        for row in rows.iter_rows(named=True)
    }
    for language in rows["language"].drop_nulls().unique(maintain_order=True):
        values = (
            f"{number(cells[language, name, 'before'])}→{number(cells[language, name, 'after'])}"
            for name in COLUMNS
        )
        table.add_row(language, *values)
    return table


def _over_all(rows: pl.DataFrame) -> Table:
    table = Table("over all languages", "before", "after")
    cells = {(row["figure"], row["when"]): row for row in rows.iter_rows(named=True)}
    for name, title in OVER_ALL.items():
        table.add_row(title, *(interval(cells[name, when]) for when in ("before", "after")))
    return table


def number(value: float | None) -> str:
    """Return the value with two decimals; a hyphen where it is undefined."""
    return "-" if value is None else f"{value:.2f}"


def interval(row: dict[str, float | None]) -> str:
    """Return ``value [low, high]``."""
    if row["value"] is None:
        return "-"
    return f"{number(row['value'])} [{number(row['low'])}, {number(row['high'])}]"
