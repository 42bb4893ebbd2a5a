"""Precision, recall and agreement, on numbers worked out by hand."""

from __future__ import annotations

import random
from typing import Any

import polars as pl
import pytest

from mlc_data.review.intervals import Amount, added, part, share
from mlc_data.review.judgements import JUDGED
from mlc_data.review.measures import Sizes, agreement, bad_share, measure, weighted


def rows(*counts: tuple[bool, bool, int, float]) -> tuple[pl.DataFrame, pl.Series]:
    """Return rows and whether they are rejected from (bad, rejected, number, weight)."""
    table = pl.DataFrame(
        [
            {"bad": float(bad), "rejected": rejected, "weight": weight}
            for bad, rejected, number, weight in counts
            for _ in range(number)
        ]
    )
    return table, table["rejected"]


def sizes(table: pl.DataFrame, rejected: pl.Series) -> Sizes:
    """Return the sums of the weights, rounded."""
    first, second = (table.filter(chosen)["weight"].sum() for chosen in (rejected, ~rejected))
    return Sizes(round(first), round(second))


def judged(*given: tuple[str, str, str, int, str]) -> pl.DataFrame:
    """Return judgements from (row, reviewer, stratum, its size, judgement)."""
    names = ("row", "reviewer", "stratum", "stratum_size", "judgement")
    table = pl.DataFrame(given, names, orient="row")
    rest = [pl.lit("x").alias(name) for name in JUDGED if name not in names]
    return table.with_columns(rest)


def test_precision_and_recall_are_shares_of_the_weights() -> None:
    # Of 40 rejected variants 30 are bad; of 160 kept ones 20 are.
    table, rejected = rows(
        (True, True, 6, 5), (False, True, 2, 5), (True, False, 2, 10), (False, False, 14, 10)
    )
    found = measure(table, rejected, sizes(table, rejected))
    assert found.rejected == 8
    assert found.precision.value == 0.75
    assert found.recall.value == 0.6
    assert found.false_rejections.value == pytest.approx(10 / 150, abs=1e-4)
    assert bad_share(table, rejected, sizes(table, rejected)).value == 0.25


def test_every_interval_holds_its_value() -> None:
    table, rejected = rows(
        (True, True, 6, 5), (False, True, 2, 5), (True, False, 2, 10), (False, False, 14, 10)
    )
    found = measure(table, rejected, sizes(table, rejected))
    for each in (
        found.precision,
        found.recall,
        found.false_rejections,
        bad_share(table, rejected, sizes(table, rejected)),
    ):
        assert each.low is not None and each.value is not None and each.high is not None
        assert 0 <= each.low < each.value < each.high <= 1


def test_a_perfect_check_has_intervals_below_one() -> None:
    table, rejected = rows((True, True, 10, 1), (False, False, 10, 1))
    found = measure(table, rejected, sizes(table, rejected))
    assert (found.precision.value, found.recall.value, found.false_rejections.value) == (1, 1, 0)
    assert found.recall.low is not None and found.recall.low < 1
    assert found.false_rejections.high is not None and found.false_rejections.high > 0


def test_what_no_row_stands_for_is_unknown() -> None:
    table, rejected = rows((False, False, 5, 1))
    found = measure(table, rejected, sizes(table, rejected))
    assert (found.precision.value, found.recall.value) == (None, None)
    assert found.false_rejections.value == 0
    # Nothing kept was judged: nobody knows how many bad ones were.
    table, rejected = rows((True, True, 5, 1))
    assert measure(table, rejected, Sizes(5, 20)).recall.value is None
    assert measure(table, rejected, Sizes(5, 0)).recall.value == 1


def test_a_check_that_rejects_nothing_finds_nothing() -> None:
    table, rejected = rows((True, False, 5, 1), (False, False, 5, 1))
    assert measure(table, rejected, Sizes(0, 10)).recall.value == 0
    assert measure(table, rejected, Sizes(3, 7)).recall.value is None


def test_the_interval_is_wilsons() -> None:
    found = share(pl.Series([1.0] * 8 + [0.0] * 2), pl.repeat(3.0, 10, eager=True))
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)


def test_unequal_weights_widen_the_interval() -> None:
    values = pl.Series([1.0, 0.0] * 10)
    equal = share(values, pl.repeat(1.0, 20, eager=True))
    unequal = share(values, pl.Series([1.0, 1.0] * 9 + [9.0, 9.0]))
    assert equal is not None and unequal is not None
    assert unequal.value == equal.value
    assert unequal.high - unequal.low > equal.high - equal.low


@pytest.mark.parametrize(
    ("one", "other", "value"),
    [
        (Amount(0, 0, 2, 5), Amount(8, 6, 10, 5), 0.0),
        (Amount(8, 6, 10, 5), Amount(0, 0, 2, 5), 1.0),
        (Amount(5, 4, 10, 5), Amount(5, 3, 10, 5), 0.5),
        (Amount(5, 0.1, 30, 5), Amount(5, 0.2, 40, 5), 0.5),
    ],
)
def test_a_part_lies_within_its_interval(one: Amount, other: Amount, value: float) -> None:
    found = part(one, other)
    assert found is not None
    assert found.value == value
    assert 0 <= found.low <= value <= found.high <= 1
    assert found.high > found.low


def test_a_part_of_nothing_is_unknown() -> None:
    assert part(Amount(0, 0, 1, 5), Amount(0, 0, 1, 5)) is None


def test_a_sum_has_the_interval_of_independent_parts() -> None:
    found = added(Amount(5, 2, 8, 3), Amount(10, 6, 14, 4))
    assert (found.value, found.low, found.high, found.rows) == (15, 10, 20, 7)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    chance = random.Random(1)
    held = dict.fromkeys(("precision", "recall", "false_rejections"), 0)
    truth = {"precision": 0.8, "recall": 160 / 200, "false_rejections": 40 / 800}
    for _ in range(300):
        bad = [
            sum(chance.random() < share for _ in range(number))
            for share, number in ((0.8, 30), (0.05, 60))
        ]
        table, rejected = rows(
            (True, True, bad[0], 200 / 30), (False, True, 30 - bad[0], 200 / 30),
            (True, False, bad[1], 800 / 60), (False, False, 60 - bad[1], 800 / 60),
        )  # fmt: skip
        found = measure(table, rejected, sizes(table, rejected))
        for name in held:
            each = getattr(found, name)
            held[name] += each.low <= truth[name] <= each.high
    assert all(number >= 0.93 * 300 for number in held.values()), held


def test_weights_are_those_of_the_strata() -> None:
    table = weighted(
        judged(
            ("a", "Ana", "kept", 30, "good"),
            ("b", "Ana", "kept", 30, "bad"),
            ("c", "Ana", "rejected: copied", 4, "bad"),
        )
    )
    assert table["weight"].to_list() == [15, 15, 4]


def test_a_row_that_is_judged_twice_counts_once() -> None:
    table = weighted(judged(("a", "Ana", "kept", 30, "good"), ("a", "Ben", "kept", 30, "bad")))
    assert table.select("row", "bad", "weight").rows() == [("a", 0.5, 30.0)]


def test_agreement_of_two_reviewers() -> None:
    # Cohen's kappa of 20 bad/bad, 5 bad/good, 10 good/bad, 15 good/good is 0.4.
    pairs = (
        [("bad", "bad")] * 20
        + [("bad", "good")] * 5
        + [("good", "bad")] * 10
        + [("good", "good")] * 15
    )
    given: Any = [
        (str(number), reviewer, "kept", 100, judgement)
        for number, pair in enumerate(pairs)
        for reviewer, judgement in zip(("Ana", "Ben"), pair, strict=True)
    ]
    (found,) = agreement(judged(*given, ("alone", "Ana", "kept", 100, "bad")))
    assert (found.first, found.second, found.rows) == ("Ana", "Ben", 50)
    assert found.share.value == 0.7
    assert found.kappa == 0.4


def test_kappa_is_unknown_where_all_say_the_same() -> None:
    (found,) = agreement(judged(("a", "Ana", "kept", 3, "good"), ("a", "Ben", "kept", 3, "good")))
    assert (found.share.value, found.kappa) == (1.0, None)


def test_reviewers_of_different_rows_are_not_compared() -> None:
    assert not agreement(judged(("a", "Ana", "kept", 3, "good"), ("b", "Ben", "kept", 3, "good")))
