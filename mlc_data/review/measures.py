"""Precision and recall of checks from judged rows, weighted so that they stand for all of a run's variants."""

from __future__ import annotations

import math
from itertools import combinations

import polars as pl

from mlc_data.review.judgements import BAD
from mlc_data.review.record import Agreement, Estimate, Measures

Z = 1.959964
"""Normal quantile of a 95 % interval."""


def estimate(values: pl.Series, weights: pl.Series) -> Estimate:
    """Return a weighted share with its 95 % interval (Wilson 1927).

    The number of rows in the interval is that of equally weighted rows with the same variance (Kish 1965):
    ``(sum w)^2 / sum w^2``.

    Args:
        values: 0 to 1.
        weights: of the same length, positive.
    """
    total = float(weights.sum())
    if not total:
        return Estimate(value=None, low=None, high=None, rows=0)
    share = min(1.0, float((values * weights).sum()) / total)
    number = total**2 / float((weights**2).sum())
    centre = share + Z**2 / (2 * number)
    spread = Z * math.sqrt(share * (1 - share) / number + Z**2 / (4 * number**2))
    scale = 1 + Z**2 / number
    low, high = max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)
    return Estimate(
        value=round(share, 4), low=round(low, 4), high=round(high, 4), rows=values.len()
    )


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


def measure(rows: pl.DataFrame, rejected: pl.Series) -> Measures:
    """Return the measures of whatever rejects some of the rows; rejecting a bad variant is right.

    Args:
        rows: ``bad`` and ``weight``, as of `weighted`.
        rejected: Boolean, of the same length.
    """
    bad, weight = rows["bad"], rows["weight"]
    flagged = rejected.cast(pl.Float64)

    def where(chosen: pl.Series, values: pl.Series) -> Estimate:
        some = chosen > 0
        return estimate(values.filter(some), (weight * chosen).filter(some))

    return Measures(
        rejected=int(rejected.sum()),
        precision=where(flagged, bad),
        recall=where(bad, flagged),
        false_rejections=where(1 - bad, flagged),
    )


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
    share = estimate(equal, pl.repeat(1.0, equal.len(), eager=True))
    one, other = float(mine.cast(pl.Float64).mean()), float(theirs.cast(pl.Float64).mean())  # type: ignore[arg-type]
    by_chance = one * other + (1 - one) * (1 - other)
    # Undefined where both say the same of every row: there is nothing to agree on by chance or otherwise.
    kappa = None if by_chance == 1 else (float(equal.mean()) - by_chance) / (1 - by_chance)  # type: ignore[arg-type]
    return Agreement(
        first=first,
        second=second,
        rows=equal.len(),
        share=share,
        kappa=None if kappa is None else round(kappa, 4),
    )
