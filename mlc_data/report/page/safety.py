"""Refusals before and after alignment, from the first judge's figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from mlc_data.core.parquet import read_parquet
from mlc_data.evaluate.models import WHEN
from mlc_data.evaluate.safety.by_suite import by_suite
from mlc_data.report.page.context import Facts, Tongue
from mlc_data.report.page.counts import Compared, Figure

SAFETY = "evaluation/safety.parquet"
REPLIES = "evaluation/replies.parquet"
BEFORE, AFTER = WHEN

OVER_ALL = (
    ("mean_refused", "harmful refused", "more"),
    ("mean_over_refusal", "harmless refused", "less"),
    ("mean_difference", "difference", "more"),
)
"""Figures over all languages, their titles, and which direction is better."""


@dataclass(frozen=True)
class Safety:
    """Figures of one judge.

    Attributes:
        judge: its name.
        asked: prompts that were asked, each in all its languages.
        compared: the figures `OVER_ALL`.
        languages: ``refused``, ``over_refusal``, ``difference`` and others by language, before and after.
        suites: the figures of each prompt set by its name, where there are several.
    """

    judge: str = ""
    asked: int = 0
    compared: tuple[Compared, ...] = ()
    languages: Mapping[Tongue, Mapping[str, Compared]] = field(default_factory=dict)
    suites: Mapping[str, Safety] = field(default_factory=dict)

    @property
    def known(self) -> bool:
        """True if replies were judged."""
        return bool(self.compared)


def safety(facts: Facts) -> Safety:
    """Return the first judge's figures; empty ones where no replies were judged."""
    path = facts.run.path(SAFETY)
    if "safety" not in facts.manifest.stages or not path.is_file():
        return Safety()
    table = read_parquet(path)
    if table.is_empty():
        return Safety()
    judge = table["judge"][0]
    asked = read_parquet(facts.run.path(REPLIES), columns=["prompt_id"])["prompt_id"].n_unique()
    suites = {
        each.name: _read(each.figures, judge, each.replies["prompt_id"].n_unique())
        for each in by_suite(facts.run)
    }
    return replace(_read(table.filter(pl.col("judge") == judge), judge, asked), suites=suites)


def _read(table: pl.DataFrame, judge: str, asked: int) -> Safety:
    """Return the figures of a table `SAFETY` of one judge."""
    figures = {
        (row["language"], row["figure"], row["when"]): Figure(row["value"], row["low"], row["high"])
        for row in table.iter_rows(named=True)
    }

    def compared(language: str | None, name: str, title: str, better: str) -> Compared:
        none = Figure(None)
        before, after = (figures.get((language, name, when), none) for when in WHEN)
        return Compared(title, before, after, better)

    codes = table["language"].drop_nulls().unique(maintain_order=True).to_list()
    return Safety(
        judge=judge,
        asked=asked,
        compared=tuple(compared(None, *each) for each in OVER_ALL),
        languages={
            Tongue.of(code): {
                name.removeprefix("mean_"): compared(
                    code, name.removeprefix("mean_"), title, better
                )
                for name, title, better in OVER_ALL
            }
            for code in codes
        },
    )
