"""Threshold explorer: how many variants of a language each value of a threshold would keep.

A histogram per threshold and language counts the variants that nothing else rejects apart from the others, so the
page can say what a moved threshold keeps without any row. Values are counted between edges that are numbers of few
digits, and the page moves thresholds from edge to edge: its counts are exact under the scores of the run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlc_data.core.records import Status
from mlc_data.report.page.context import Facts
from mlc_data.report.page.limits import PageLimit

STEPS = 80
"""Steps of a histogram, about."""

TAIL = 0.002
"""Share of the values on either side that the histogram's ends count together."""

BATCH = 200_000
"""Variants that are counted at once."""


@dataclass(frozen=True)
class Histogram:
    """Variants of one language by the value that a threshold is compared with.

    Attributes:
        bound: the threshold now; None where nothing is rejected.
        origin: where it comes from, see `limits.Origin`.
        alone: [E + 1] variants between the E edges that everything else would keep; the first and the
            last count what lies beyond.
        others: [E + 1] the same for variants that something else rejects too.
        excused: [E + 1] the same for variants that nothing rejects, whatever the threshold is: they pass
            another check that excuses them.
        always: variants without a score that everything else would keep, and those of ``excused``.
    """

    bound: float | None
    origin: str
    alone: list[int]
    others: list[int]
    excused: list[int]
    always: int


@dataclass(frozen=True)
class Explored:
    """One threshold of one check, with its `Histogram` by language and the edges that they share."""

    check: str
    scores: tuple[str, ...]
    key: str
    upper: bool
    edges: list[float]
    languages: Mapping[str, Histogram]


@dataclass(frozen=True)
class Thresholds:
    """The section. ``missing`` says in one line why there is nothing to explore."""

    limits: tuple[Explored, ...] = ()
    requested: Mapping[str, int] | None = None
    missing: str = ""

    def data(self) -> list[dict[str, Any]]:
        """Return the limits for the page's script."""
        return [
            {
                "check": each.check,
                "scores": each.scores,
                "key": each.key,
                "upper": each.upper,
                "edges": each.edges,
                "languages": {
                    code: {
                        "bound": own.bound,
                        "origin": own.origin,
                        "alone": own.alone,
                        "others": own.others,
                        "excused": own.excused,
                        "always": own.always,
                    }
                    for code, own in each.languages.items()
                },
            }
            for each in self.limits
        ]


def thresholds(facts: Facts, limits: Sequence[PageLimit]) -> Thresholds:
    """Return the histograms of all limits over the run's variants with a text."""
    if not facts.decided:
        return Thresholds(missing=f"No verdicts yet: mlc-data check {facts.folder}")
    if facts.checks_missing:
        return Thresholds(missing=f"The checks cannot be used here: {facts.checks_missing}")
    ranges = _ranges(facts, limits) if limits else {}
    edges = {
        each.key: _edges(*ranges[each.key], each.bounds.values())
        for each in limits
        if each.key in ranges
    }
    known = [each for each in limits if each.key in edges]
    counts = _count(facts, known, edges) if known else {}
    return Thresholds(tuple(_explored(facts, each, edges[each.key], counts) for each in known))


def _values(facts: Facts, limits: Sequence[PageLimit]) -> pl.LazyFrame:
    """Return ``language``, and for each limit the value, as compared and as shown, and whether it passes."""
    texts = facts.variants().filter(pl.col("status") != Status.FAILED)
    return texts.select(
        "language",
        *(each.value.alias(each.key) for each in limits),
        *(each.shown.alias(f"shown {each.key}") for each in limits),
        *(each.passes.alias(each.id) for each in limits),
    )


def _ranges(facts: Facts, limits: Sequence[PageLimit]) -> dict[str, tuple[float, float]]:
    """Return the range of the values of each limit but for `TAIL` on either side, by its key."""
    texts = facts.variants().filter(pl.col("status") != Status.FAILED)
    ranges = {}
    for each in limits:  # one at a time: of millions of rows, all columns would not fit into memory
        shown = texts.select(each.shown.alias("shown")).collect(engine="streaming")["shown"]
        low, high = (shown.quantile(share) for share in (TAIL, 1 - TAIL))
        if low is not None and high is not None:
            ranges[each.key] = (low, high)
    return ranges


def _edges(low: float, high: float, bounds: Any) -> list[float]:
    """Return edges of few digits over the range and the bounds, at least two."""
    finite = [bound for bound in bounds if math.isfinite(bound)]
    low, high = min([low, *finite]), max([high, *finite])
    width = (high - low) or abs(high) or 1.0
    step, digits = _step(width / STEPS)
    first = math.floor(low / step)
    last = max(first + 1, math.ceil(high / step))
    # Read back from its digits, an edge is the number that the recipe would read.
    return [float(f"{number * step:.{digits}f}") for number in range(first, last + 1)]


def _step(width: float) -> tuple[float, int]:
    """Return 1, 2 or 5 times a power of ten, not below ``width``, and its number of decimals."""
    power = math.floor(math.log10(width))
    factor = next(each for each in (1, 2, 5, 10) if each * 10.0**power >= width * (1 - 1e-9))
    return factor * 10.0**power, max(0, -power if factor < 10 else -power - 1)


OTHERS, ALONE, EXCUSED = range(3)

Counts = dict[tuple[str, str], NDArray[np.int64]]
"""Counts by key of the limit and language: [3, E + 2], of `OTHERS`, `ALONE` and `EXCUSED` between the edges; the last
column counts variants without a score."""


def _count(facts: Facts, limits: Sequence[PageLimit], edges: Mapping[str, list[float]]) -> Counts:
    codes = [each.code for each in facts.targets]
    counts: Counts = {
        (each.key, code): np.zeros((3, len(edges[each.key]) + 2), np.int64)
        for each in limits
        for code in codes
    }
    for batch in _batches(_values(facts, limits)):
        failed = batch.select(
            pl.sum_horizontal((~pl.col(each.id)).cast(pl.Int32) for each in limits)
        ).to_series()
        for (code,), rows in (
            batch.with_columns(failed=failed).partition_by("language", as_dict=True).items()
        ):
            if code not in codes:
                continue
            for each in limits:
                counts[each.key, str(code)] += _of_batch(rows, each, edges[each.key])
    return counts


def _of_batch(rows: pl.DataFrame, limit: PageLimit, edges: Sequence[float]) -> NDArray[np.int64]:
    size = len(edges) + 2
    alone = (rows["failed"] - (~rows[limit.id]).cast(pl.Int32) == 0).to_numpy()
    excused = rows[limit.key].is_null().to_numpy()
    kind = np.where(alone, np.where(excused, EXCUSED, ALONE), OTHERS)
    values = rows[f"shown {limit.key}"]
    side: Literal["left", "right"] = "left" if limit.upper else "right"
    places = np.searchsorted(np.asarray(edges), values.fill_null(0.0).to_numpy(), side=side)
    places = np.where(values.is_null().to_numpy(), size - 1, places)
    return np.bincount(kind * size + places, minlength=3 * size).reshape(3, size)


def _batches(frame: pl.LazyFrame) -> Iterator[pl.DataFrame]:
    yield from frame.collect_batches(chunk_size=BATCH)


def _explored(facts: Facts, limit: PageLimit, edges: list[float], counts: Counts) -> Explored:
    languages = {}
    for each in facts.targets:
        own = counts[limit.key, each.code]
        if not own.any():
            continue
        bound = limit.bounds[each.code]
        languages[each.code] = Histogram(
            bound=bound if math.isfinite(bound) else None,
            origin=str(limit.origins[each.code]),
            alone=own[ALONE, :-1].tolist(),
            others=own[OTHERS, :-1].tolist(),
            excused=own[EXCUSED, :-1].tolist(),
            always=int(own[EXCUSED].sum()),
        )
    return Explored(limit.check, limit.scores, limit.key, limit.upper, edges, languages)
