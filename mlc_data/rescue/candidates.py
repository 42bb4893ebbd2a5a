"""The best of several candidates by the scores of the checks."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from mlc_data.checks.base import Check
from mlc_data.core.records import KEYS, Status

_PLACE, _RANK = "candidate_place", "candidate_rank"


def best_of(judged: Sequence[pl.DataFrame], checks: Sequence[Check]) -> pl.DataFrame:
    """Return of each variant the best candidate.

    One that passes every check comes before one that does not, then the one with fewer reasons. Among equals each
    score that a check limits ranks the candidates, and the best mean rank counts: ranks need no common scale.

    Args:
        judged: rows of `verdicts.judge`, a table for each candidate, with the same variants in the same order.
        checks: the checks that made the scores.
    """
    keys = list(KEYS)
    tables = [table.with_columns(pl.lit(place).alias(_PLACE)) for place, table in enumerate(judged)]
    ranks = [
        pl.col(limit.score).rank("average", descending=not limit.upper).over(keys)
        for check in checks
        if check.enabled
        for limit in check.limits
    ]
    ranked = pl.concat(tables).with_columns(
        (pl.mean_horizontal(ranks) if ranks else pl.lit(0.0)).alias(_RANK)
    )
    order = [
        pl.col("status") != Status.KEPT,
        pl.col("reasons").list.len(),
        pl.col(_RANK),
        pl.col(_PLACE),
    ]
    best = ranked.sort(*order, nulls_last=True).unique(keys, keep="first", maintain_order=True)
    first = judged[0].select(keys)
    return first.join(best, on=keys, how="left", maintain_order="left").drop(_PLACE, _RANK)
