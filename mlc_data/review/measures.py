"""Precision and recall of checks from judged rows, weighted so that they stand for all of a run's variants."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import polars as pl

from mlc_data.core.kappa import cohens_kappa
from mlc_data.review.intervals import NOTHING, Amount, added, part, share
from mlc_data.review.judgements import BAD
from mlc_data.review.record import Agreement, Estimate, Measures


def weighted(judged: pl.DataFrame) -> pl.DataFrame:
    """Return one row a judged variant.

    Args:
        judged: `judgements.JUDGED`.

    Returns:
        ``row``, ``language``, ``variant``, ``bad`` (share of its judgements that say so) and ``weight``: the
        number of the run's variants in its stratum for each of the stratum's judged ones.
    """
    rows = judged.group_by("row", maintain_order=True).agg(
        pl.col("language", "variant", "stratum", "stratum_size").first(),
        bad=(pl.col("judgement") == BAD).mean(),
    )
    weight = pl.col("stratum_size") / pl.len().over("language", "stratum")
    return rows.with_columns(weight=weight).drop("stratum", "stratum_size")


@dataclass(frozen=True)
class Sizes:
    """Numbers of the run's variants that something rejects, and of all others."""

    rejected: int
    others: int


def measure(rows: pl.DataFrame, rejected: pl.Series, sizes: Sizes) -> Measures:
    """Return the measures of whatever rejects some of the rows; rejecting a bad variant is right.

    Args:
        rows: ``bad`` and ``weight``, as of `weighted`.
        rejected: Boolean, of the same length.
        sizes: numbers of variants that the rejected rows and the others stand for.
    """
    good = rows.with_columns(bad=1 - pl.col("bad"))
    return Measures(
        rejected=int(rejected.sum()),
        variants=sizes.rejected,
        precision=_estimate(share(*_where(rows, rejected))),
        recall=_estimate(_caught(rows, rejected, sizes)),
        false_rejections=_estimate(_caught(good, rejected, sizes)),
    )


def bad_share(rows: pl.DataFrame, rejected: pl.Series, sizes: Sizes) -> Estimate:
    """Return the share of bad variants among all; arguments as for `measure`."""
    caught, missed = _bad(rows, rejected, sizes)
    if caught is None or missed is None:
        return NOTHING
    return _estimate(added(caught, missed).times(1 / (sizes.rejected + sizes.others)))


def bad_kept(rows: pl.DataFrame, rejected: pl.Series) -> Estimate:
    """Return the share of bad variants among those that are not rejected; arguments as for `measure`."""
    return _estimate(share(*_where(rows, ~rejected)))


def _caught(rows: pl.DataFrame, rejected: pl.Series, sizes: Sizes) -> Amount | None:
    """Return the share of the bad variants that are rejected."""
    caught, missed = _bad(rows, rejected, sizes)
    return None if caught is None or missed is None else part(caught, missed)


def _bad(
    rows: pl.DataFrame, rejected: pl.Series, sizes: Sizes
) -> tuple[Amount | None, Amount | None]:
    """Return the numbers of bad variants of the run that are rejected, and that are not; None where there are
    variants and none of them was judged."""
    return (
        _number(*_where(rows, rejected), sizes.rejected),
        _number(*_where(rows, ~rejected), sizes.others),
    )


def _where(rows: pl.DataFrame, chosen: pl.Series) -> tuple[pl.Series, pl.Series]:
    some = rows.filter(chosen)
    return some["bad"], some["weight"]


def _number(values: pl.Series, weights: pl.Series, size: int) -> Amount | None:
    if not size:
        return Amount(0.0, 0.0, 0.0, 0)
    mean = share(values, weights)
    return mean.times(size) if mean else None


def _estimate(amount: Amount | None) -> Estimate:
    return amount.estimate() if amount else NOTHING


def agreement(judged: pl.DataFrame) -> list[Agreement]:
    """Return how far each two reviewers agree on the rows that both have judged (`judgements.JUDGED`)."""
    found = []
    for first, second in combinations(sorted(judged["reviewer"].unique()), 2):
        mine, theirs = (
            judged.filter(pl.col("reviewer") == name).select("row", bad=pl.col("judgement") == BAD)
            for name in (first, second)
        )
        both = mine.join(theirs, on="row", suffix="_second")
        if both.height:
            found.append(_agreement(first, second, both["bad"], both["bad_second"]))
    return found


def _agreement(first: str, second: str, mine: pl.Series, theirs: pl.Series) -> Agreement:
    equal = (mine == theirs).cast(pl.Float64)
    alike = _estimate(share(equal, pl.repeat(1.0, equal.len(), eager=True)))
    kappa = cohens_kappa(mine.to_list(), theirs.to_list())
    return Agreement(
        first=first,
        second=second,
        rows=equal.len(),
        share=alike,
        kappa=None if kappa is None else round(kappa, 4),
    )
