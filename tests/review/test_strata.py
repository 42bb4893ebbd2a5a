"""Strata: every variant belongs to one, and each gives the rows that it owes."""

from __future__ import annotations

from typing import Any, ClassVar

import polars as pl
import pytest

from mlc_data.checks import ByLanguage, Check, CheckSection, at_most, by_language
from mlc_data.review.strata import KEPT, NEAR, OTHERS, allocate, divide


class MarksSection(CheckSection):
    max_marks: ByLanguage = by_language(1)


class Marks(Check):
    name = "marks"
    section = MarksSection
    scores = ("marks_number",)
    limits: ClassVar[Any] = (at_most("marks_number", "max_marks"),)

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        raise NotImplementedError


CHECKS = [Marks()]


def variants(kept: int, **rejected: int) -> pl.DataFrame:
    reasons = [None] * kept + [name for name, number in rejected.items() for _ in range(number)]
    return pl.DataFrame(
        {
            "row": [f"{number:04d}:swh_Latn" for number in range(len(reasons))],
            "language": "swh_Latn",
            "verdict": ["rejected" if reason else "kept" for reason in reasons],
            "reason": reasons,
            "marks_number": [float(number % 10) for number in range(len(reasons))],
        },
        schema_overrides={"reason": pl.String},
    )


@pytest.mark.parametrize(
    ("sizes", "wanted", "given"),
    [
        ([10, 10], 4, [2, 2]),
        ([1, 10], 6, [1, 5]),
        ([3, 3], 10, [3, 3]),
        ([5, 5, 5], 2, [1, 1, 0]),
        ([5, 0], 3, [3, 0]),
        ([], 3, []),
        ([2, 9, 9], 11, [2, 5, 4]),
    ],
)
def test_rows_are_shared_out_equally(sizes: list[int], wanted: int, given: list[int]) -> None:
    assert allocate(sizes, wanted) == given


@pytest.mark.parametrize("wanted", [4, 7, 20, 500])
@pytest.mark.parametrize(
    "table",
    [variants(100, marks=20, script=3), variants(0, marks=9), variants(9), variants(2, marks=1)],
)
def test_every_variant_is_in_a_stratum_with_rows(table: pl.DataFrame, wanted: int) -> None:
    strata = divide(table, CHECKS, wanted)
    covered = [stratum for stratum in strata if stratum.wanted]
    assert sorted(row for each in covered for row in each.rows["row"]) == sorted(table["row"])
    assert sum(stratum.wanted for stratum in strata) == min(wanted, table.height)


def test_half_of_the_rows_are_rejected_and_half_of_the_kept_ones_near_a_threshold() -> None:
    strata = divide(variants(100, marks=20, script=20), CHECKS, 20)
    assert {stratum.name: stratum.wanted for stratum in strata} == {
        "rejected: marks": 5,
        "rejected: script": 5,
        NEAR: 5,
        KEPT: 5,
    }


def test_rare_reasons_share_a_stratum() -> None:
    strata = divide(variants(100, marks=9, script=8, length=2, intent=1), CHECKS, 6)
    assert {each.name: each.rows.height for each in strata if "rejected" in each.name} == {
        "rejected: marks": 9,
        "rejected: script": 8,
        OTHERS: 3,
    }


def test_kept_variants_with_the_worst_scores_are_near_a_threshold() -> None:
    near = next(each for each in divide(variants(100), CHECKS, 20) if each.name == NEAR)
    assert set(near.rows["marks_number"]) == {8.0, 9.0}


def test_a_score_that_most_variants_have_is_not_near() -> None:
    table = variants(100).with_columns(
        marks_number=pl.Series([1.0] * 90 + [0.0] * 9 + [1.5], dtype=pl.Float64)
    )
    near = next(each for each in divide(table, CHECKS, 20) if each.name == NEAR)
    assert near.rows["marks_number"][0] == 1.5


def test_sampled_rows_reach_from_the_worst_scores_to_the_best() -> None:
    stratum = next(each for each in divide(variants(0, marks=100), CHECKS, 10) if each.wanted)
    chosen = stratum.rows.join(stratum.sampled(seed=3), on="row", how="semi")
    assert sorted(set(chosen["marks_number"])) == [float(number) for number in range(10)]


def test_a_seed_gives_the_same_rows_whatever_their_order() -> None:
    table = variants(200, marks=50)

    def rows(table: pl.DataFrame, seed: int) -> list[str]:
        return sorted(
            row for each in divide(table, CHECKS, 20) for row in each.sampled(seed)["row"]
        )

    assert rows(table, 1) == rows(table.reverse(), 1)
    assert rows(table, 1) != rows(table, 2)
