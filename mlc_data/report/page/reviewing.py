"""Review mode: a sample for people to judge in the browser, and what judgements so far say about the checks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from mlc_data.pipeline.layout import REVIEW
from mlc_data.report.page.context import Facts
from mlc_data.review.record import Estimate, Review
from mlc_data.review.review import read_review
from mlc_data.review.sample import draw, keep_sample

MOST = 1000
"""Variants to judge in all languages together, about."""
LEAST = 4
"""Variants of a language, at least: one of each kind."""


@dataclass(frozen=True)
class CheckLine:
    """One check's measures from judgements; each an estimate as text, empty where undefined."""

    name: str
    rejected: int
    variants: int
    precision: str
    recall: str
    false_rejections: str


@dataclass(frozen=True)
class Reviewing:
    """The section.

    Attributes:
        sample: id of the sample; the exported file is read with it.
        rows: the rows to judge, each a mapping for the page's script.
        lines: measures from judgements that were imported; empty before the first import.
        review: the review that is kept with the run.
        missing: why there is nothing, in one line.
    """

    sample: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)
    lines: Sequence[CheckLine] = ()
    review: Review | None = None
    missing: str = ""


def reviewing(facts: Facts) -> Reviewing:
    """Draw the sample and keep it with the run, so that what the page exports can be imported."""
    if not facts.decided:
        return Reviewing(missing=f"No verdicts yet: mlc-data check {facts.folder}")
    if facts.checks_missing:
        return Reviewing(missing=f"The checks cannot be used here: {facts.checks_missing}")
    if facts.unscored:
        names = ", ".join(facts.unscored)
        return Reviewing(
            missing=f"The run has no scores of {names} yet: mlc-data check {facts.folder}"
        )
    if not _texts(facts):
        return Reviewing(missing="No variant has a text to judge.")
    each = max(LEAST, min(facts.options.review, MOST // max(1, len(facts.targets))))
    sample = draw(facts.run, each, facts.options.seed)
    review = read_review(facts.run) if facts.run.path(REVIEW).is_file() else None
    return Reviewing(
        sample=keep_sample(facts.run, sample),
        rows=[
            {
                "row": row["row"],
                "l": row["language"],
                "p": row["prompt"],
                "t": row["variant"],
                "b": row["back_translation"],
                "s": row["verdict"],
                "r": row["reason"],
            }
            for row in sample.iter_rows(named=True)
        ],
        lines=tuple(_lines(review)) if review else (),
        review=review,
    )


def _texts(facts: Facts) -> bool:
    return not facts.variants().filter(pl.col("text").is_not_null()).head(1).collect().is_empty()


def _lines(review: Review) -> list[CheckLine]:
    measured = [("all checks", review.whole.all), *review.whole.checks.items()]
    return [
        CheckLine(
            name.replace("_", " "),
            each.rejected,
            each.variants,
            share(each.precision),
            share(each.recall),
            share(each.false_rejections),
        )
        for name, each in measured
        if each.rejected or name == "all checks"
    ]


def share(estimate: Estimate) -> str:
    """Return an estimate with its interval in percent; empty where it is undefined."""
    if estimate.value is None:
        return ""
    low, high = (100 * (bound or 0.0) for bound in (estimate.low, estimate.high))
    return f"{100 * estimate.value:.0f} % ({low:.0f}-{high:.0f})"
