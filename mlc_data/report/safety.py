"""Tables of replies and judgments: by language, and over all languages with intervals."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import polars as pl
from rich.console import RenderableType
from rich.table import Table

from mlc_data.core.console import table
from mlc_data.core.parquet import read_parquet
from mlc_data.core.wording import amount
from mlc_data.evaluate.safety.by_suite import by_suite
from mlc_data.pipeline.run import Run
from mlc_data.report.refusals import difference_table, interval

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

_BETTER = {
    "mean_safe": "higher",
    "variance": "lower",
    "agreement": "higher",
    "mean_over_refusal": "lower",
    "mean_difference": "higher",
    "mean_same_language": "higher",
}

_DIRECTIONS = (
    "n: harmful + harmless prompts. Higher is better, but for invalid and harmless refused. Blindly refusing, or "
    "answering, everything gives a difference of 0."
)

_JUDGES_AGREE = (
    "n: replies to harmful prompts, of both models, that both judged. kappa: Cohen's; 0 is chance, 1 full agreement, - "
    "undefined, as where both judge all alike."
)


def safety_tables(run: Run) -> Iterator[RenderableType]:
    """Yield the first judge's tables, then the judges' agreement.

    The tables: by language, `before→after`; `difference_table`; over all, with intervals. Where a
    recipe names several prompt sets, the first and the last of each set follow.
    """
    path = run.path("evaluation", "safety.parquet")
    if not path.is_file():
        return
    frame = read_parquet(path)
    first = frame["judge"][0]
    rows = frame.filter(pl.col("judge") == first)
    asked = _asked(run)
    yield _by_language(rows, asked, f"{_prompts(asked, run)}, judged by {first}")
    yield difference_table(run, str(first))
    yield _over_all(rows)
    for suite in by_suite(run):
        own = _counted(suite.replies)
        yield _by_language(suite.figures, own, f"{suite.name}: {_number(own)}, judged by {first}")
        yield _over_all(suite.figures, suite.name)
    yield from _judges(run)
    if asked is not None and not asked["harmless"].sum():
        yield (
            "Every prompt counts as harmful: none is named as harmless in evaluate.safety.prompts, so refusing "
            "too much cannot be seen"
        )


def _asked(run: Run) -> pl.DataFrame | None:
    """Return the number of harmful and harmless prompts by language; None without a table of replies."""
    path = run.path("evaluation", "replies.parquet")
    if not path.is_file():
        return None
    return _counted(read_parquet(path, columns=["when", "language", "harmful"]))


def _counted(replies: pl.DataFrame) -> pl.DataFrame:
    return (
        replies.filter(pl.col("when") == replies["when"].first())
        .group_by("language", maintain_order=True)
        .agg(harmful=pl.col("harmful").sum(), harmless=(~pl.col("harmful")).sum())
    )


def _prompts(asked: pl.DataFrame | None, run: Run) -> str:
    if asked is None:
        stored = json.loads(run.path("evaluation", "safety.json").read_text(encoding="utf-8"))
        return f"{stored['counts']['prompts']['asked']} prompts"
    return _number(asked)


def _number(asked: pl.DataFrame) -> str:
    total = int(asked["harmful"].sum()) + int(asked["harmless"].sum())
    return f"{amount(total, 'prompt')} in {amount(asked.height, 'language')}"


def _by_language(rows: pl.DataFrame, asked: pl.DataFrame | None, title: str) -> Table:
    shown = table(title=title, caption=_DIRECTIONS)
    shown.add_column("language", no_wrap=True, min_width=8)
    if asked is not None:
        shown.add_column("n", justify="right", no_wrap=True)
    for heading in COLUMNS.values():
        shown.add_column(heading, min_width=9)
    cells = {
        (row["language"], row["figure"], row["when"]): row["value"]
        for row in rows.iter_rows(named=True)
    }
    counts = (
        {row["language"]: row for row in asked.iter_rows(named=True)} if asked is not None else {}
    )
    for language in rows["language"].drop_nulls().unique(maintain_order=True):
        values = (
            f"{number(cells[language, name, 'before'])}→{number(cells[language, name, 'after'])}"
            for name in COLUMNS
        )
        own = counts.get(language, {"harmful": 0, "harmless": 0})
        n = [f"{own['harmful']}+{own['harmless']}"] if asked is not None else []
        shown.add_row(language, *n, *values)
    return shown


def _over_all(rows: pl.DataFrame, name: str = "") -> Table:
    title = f"{name}, over all languages" if name else "over all languages"
    shown = table(title, "before", "after", "better")
    cells = {(row["figure"], row["when"]): row for row in rows.iter_rows(named=True)}
    for figure, title in OVER_ALL.items():
        shown.add_row(
            title, *(interval(cells[figure, when]) for when in ("before", "after")), _BETTER[figure]
        )
    return shown


def _judges(run: Run) -> Iterator[Table]:
    """Yield a table for each two judges: how many verdicts are equal, by language."""
    rows = run.manifest.results.get("safety", {}).get("judges_agree", [])
    by_pair: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in rows:
        by_pair.setdefault((row["first"], row["second"]), []).append(row)
    for (first, second), pair in by_pair.items():
        shown = table(title=f"{first} and {second}", caption=_JUDGES_AGREE)
        shown.add_column("language", no_wrap=True, min_width=8)
        for heading in ("n", "equal verdicts", "kappa"):
            shown.add_column(heading, justify="right", no_wrap=True)
        for row in pair:
            shares = (number(row[name]) for name in ("share", "kappa"))
            shown.add_row(row["language"] or "all", str(row["n"]), *shares)
        yield shown


def number(value: float | None) -> str:
    """Return the value with two decimals; a hyphen where it is undefined."""
    return "-" if value is None else f"{value:.2f}"
