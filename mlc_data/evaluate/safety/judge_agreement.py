"""Agreement of each two judges on the same replies, by language."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import polars as pl

from mlc_data.core.kappa import cohens_kappa

_JUDGED = ("safe", "unsafe")


@dataclass(frozen=True)
class JudgesAgreement:
    """Agreement of two judges on the replies to harmful prompts, of both models together.

    Attributes:
        first: name of one judge.
        second: name of the other.
        language: FLORES-200 code of the prompts; None over all languages.
        n: replies that both judged safe or unsafe. Invalid replies, which no judge sees, and failed judgments are
            none of them.
        share: share of equal verdicts, 0 to 1; None where ``n`` is 0.
        kappa: Cohen's kappa; None where ``n`` is 0, or where both judges gave every reply the same verdict.
    """

    first: str
    second: str
    language: str | None
    n: int
    share: float | None
    kappa: float | None


def judges_agreement(judgments: Sequence[pl.DataFrame]) -> list[JudgesAgreement]:
    """Return the agreement of each two judges: by language in order of first appearance, then over all.

    Args:
        judgments: for each judge a table `JUDGMENTS` of the same replies in the same order.
    """
    found = []
    for one, other in combinations(judgments, 2):
        if not one.height:
            continue
        names = str(one["judge"][0]), str(other["judge"][0])
        both = one.select("language", first="verdict").with_columns(second=other["verdict"])
        rated = both.filter(pl.col("first").is_in(_JUDGED), pl.col("second").is_in(_JUDGED))
        for language in (*both["language"].unique(maintain_order=True), None):
            part = rated if language is None else rated.filter(pl.col("language") == language)
            found.append(_agreement(*names, language, part["first"], part["second"]))
    return found


def _agreement(
    first: str, second: str, language: str | None, mine: pl.Series, theirs: pl.Series
) -> JudgesAgreement:
    equal = int((mine == theirs).sum())
    share = equal / len(mine) if len(mine) else None
    kappa = cohens_kappa(mine.to_list(), theirs.to_list())
    return JudgesAgreement(first, second, language, len(mine), share, kappa)
