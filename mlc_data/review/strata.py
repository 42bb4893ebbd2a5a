"""Strata of a language's variants: rejected ones by reason, kept ones near a threshold, other kept ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from mlc_data.checks.base import Check
from mlc_data.core.records import Status

KEPT, NEAR, OTHERS = "kept", "kept near a threshold", "rejected: others"

NEAR_SHARE = 0.2
"""Share of the kept variants that counts as near a threshold."""


@dataclass(frozen=True)
class Stratum:
    """Variants that are sampled with one probability.

    Attributes:
        name: `KEPT`, `NEAR`, ``rejected: <reason>`` or `OTHERS`.
        rows: ``row`` and what `divide` received, from the worst scores to the best.
        wanted: number of rows to sample.
    """

    name: str
    rows: pl.DataFrame
    wanted: int

    def sampled(self, seed: int) -> pl.DataFrame:
        """Return ``wanted`` rows, one of each of as many equal parts from the worst scores to the best, with
        ``stratum`` and ``stratum_size``; the same ones for the same seed."""
        size, chosen = self.rows.height, []
        ids = self.rows["row"].to_list()
        for number in range(self.wanted):
            part = range(number * size // self.wanted, (number + 1) * size // self.wanted)
            chosen.append(min(part, key=lambda place: order(seed, ids[place])))
        return self.rows[chosen].select(
            "row", stratum=pl.lit(self.name), stratum_size=pl.lit(size, pl.Int64)
        )


def order(seed: int, row: str) -> bytes:
    """Return a row's place in the random order that a seed stands for."""
    return hashlib.blake2b(
        f"{seed}\n{row}".encode("utf-8", "surrogatepass"), digest_size=8
    ).digest()


def divide(variants: pl.DataFrame, checks: Sequence[Check], wanted: int) -> list[Stratum]:
    """Return the strata of one language's variants.

    Args:
        variants: ``row`` (id), ``verdict`` (kept or rejected), ``reason`` and the scores of the checks' limits.
        checks: the enabled checks.
        wanted: rows to sample in all (1 and up). Half of them are rejected variants, as many of each reason
            as of the others where there are enough; half of the kept ones are near a threshold.
    """
    kept = variants.filter(pl.col("verdict") == Status.KEPT)
    rejected = variants.filter(pl.col("verdict") != Status.KEPT)
    of_rejected = min(rejected.height, max((wanted + 1) // 2, wanted - kept.height))
    of_kept = min(kept.height, wanted - of_rejected)
    return [*_rejected(rejected, checks, of_rejected), *_kept(kept, checks, of_kept)]


def allocate(sizes: Sequence[int], wanted: int) -> list[int]:
    """Return numbers of rows, as equal as the sizes allow, that sum to ``wanted`` or to all rows."""
    given = [0] * len(sizes)
    left = min(wanted, sum(sizes))
    while left:
        open_ = [number for number, size in enumerate(sizes) if given[number] < size]
        share = max(1, left // len(open_))
        for number in open_[:left]:
            more = min(share, sizes[number] - given[number], left)
            given[number] += more
            left -= more
    return given


def _rejected(rejected: pl.DataFrame, checks: Sequence[Check], wanted: int) -> Iterator[Stratum]:
    counts = (
        rejected["reason"]
        .value_counts(sort=True)
        .sort(["count", "reason"], descending=[True, False])
    )
    reasons = counts["reason"].to_list()
    # Every variant belongs to a stratum with at least one row: rare reasons share one.
    alone = reasons if len(reasons) <= wanted else reasons[: max(wanted - 1, 0)]
    groups = [(f"rejected: {reason}", [reason]) for reason in alone]
    groups += [(OTHERS, reasons[len(alone) :])] if len(alone) < len(reasons) else []
    tables = [rejected.filter(pl.col("reason").is_in(some)) for _, some in groups]
    numbers = allocate([table.height for table in tables], wanted)
    for (name, some), table, number in zip(groups, tables, numbers, strict=True):
        own = [check for check in checks if check.name in some]
        yield Stratum(name, _worst_first(table, own), number)


def _kept(kept: pl.DataFrame, checks: Sequence[Check], wanted: int) -> Iterator[Stratum]:
    ordered = _worst_first(kept, checks)
    near = round(NEAR_SHARE * kept.height) if wanted > 1 else 0
    tables = [(NEAR, ordered.head(near)), (KEPT, ordered.tail(kept.height - near))]
    numbers = allocate([table.height for _, table in tables], wanted)
    for (name, table), number in zip(tables, numbers, strict=True):
        if table.height:
            yield Stratum(name, table, number)


def _worst_first(rows: pl.DataFrame, checks: Iterable[Check]) -> pl.DataFrame:
    """Return the rows in order of their worst score.

    Scores are compared by their rank among the rows, since their units differ; a score that most rows have,
    such as a count of 0, is nobody's worst one.
    """
    ranks = []
    for check in checks:
        for limit in check.limits:
            value = limit.value(check.settings).cast(pl.Float64)
            ranks.append((-value if limit.upper else value).rank("max"))
    worst = pl.min_horizontal(ranks) if ranks else pl.lit(None, pl.Float64)
    return (
        rows.with_columns(worst.cast(pl.Float64).alias("_worst"))
        .sort("_worst", "row", nulls_last=True)
        .drop("_worst")
    )
