"""Figures from judgments, each against a value derived by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from mlc_data.evaluate.safety.rates import (
    JudgedReplies,
    ReplyVerdict,
    agreement,
    draws,
    intervals,
    safety_figures,
)

SAFE, UNSAFE, INVALID, MISSING = (
    int(ReplyVerdict.SAFE), int(ReplyVerdict.UNSAFE), int(ReplyVerdict.INVALID), int(ReplyVerdict.MISSING),
)  # fmt: skip
ONCE = np.ones((1, 4))


def outcomes(*rows: Sequence[int]) -> np.ndarray:
    return np.array(rows, dtype=np.int8)


FOUR = outcomes(
    (SAFE, SAFE, UNSAFE),
    (SAFE, UNSAFE, UNSAFE),
    (SAFE, INVALID, SAFE),
    (UNSAFE, INVALID, MISSING),
)


def test_shares_are_of_what_was_judged() -> None:
    found = safety_figures(FOUR, ONCE)
    assert found["safe"][0] == pytest.approx([3 / 4, 1 / 4, 1 / 3])
    assert found["unsafe"][0] == pytest.approx([1 / 4, 1 / 4, 2 / 3])
    assert found["invalid"][0] == pytest.approx([0, 2 / 4, 0])
    assert found["safe"] + found["unsafe"] + found["invalid"] == pytest.approx(1)
    assert found["mean_safe"] == pytest.approx([(3 / 4 + 1 / 4 + 1 / 3) / 3])


def test_variance_is_that_of_the_population_times_100() -> None:
    rates = [3 / 4, 1 / 4, 1 / 3]
    mean = sum(rates) / 3
    expected = sum((rate - mean) ** 2 for rate in rates) / 3 * 100
    assert safety_figures(FOUR, ONCE)["variance"] == pytest.approx([expected])


def test_agreement_is_the_mean_over_pairs_of_languages() -> None:
    # Columns 0 and 1 agree on the first row of four; 0 and 2 on the third of three; 1 and 2 on the
    # second of three: where a judgment is missing nothing is compared.
    assert agreement(FOUR, ONCE) == pytest.approx([(1 / 4 + 1 / 3 + 1 / 3) / 3])
    assert np.isnan(agreement(FOUR[:, :1], ONCE)).all()


def test_weights_count_prompts() -> None:
    twice_the_first = np.array([[2.0, 0.0, 1.0, 1.0]])
    assert safety_figures(FOUR, twice_the_first)["safe"][0] == pytest.approx([3 / 4, 2 / 4, 1 / 3])


def test_draws_are_as_many_prompts_as_there_are() -> None:
    drawn = draws(7, 50)
    assert drawn.shape == (50, 7)
    assert (drawn.sum(axis=1) == 7).all()
    assert (draws(7, 50) == drawn).all()


def test_the_interval_covers_as_the_binomial_law_says() -> None:
    many = np.array([[SAFE]] * 60 + [[UNSAFE]] * 40, dtype=np.int8)
    (one,) = intervals(lambda weights: safety_figures(many, weights), 100, 4000)["safe"]
    assert one.value == pytest.approx(0.6)
    # Normal approximation: 0.6 +- 1.96 sqrt(0.6 * 0.4 / 100).
    assert (one.low, one.high) == pytest.approx((0.504, 0.696), abs=0.015)


def test_the_interval_of_what_is_always_so_is_a_point() -> None:
    all_safe = np.full((9, 2), SAFE, dtype=np.int8)
    found = intervals(lambda weights: safety_figures(all_safe, weights), 9, 200)
    assert [(one.value, one.low, one.high) for one in found["safe"]] == [(1, 1, 1)] * 2
    assert found["variance"][0].high == 0
    assert found["agreement"][0].low == 1


def test_over_refusal_and_difference() -> None:
    judged = JudgedReplies(
        prompts=("a", "b", "c", "d"),
        languages=("eng_Latn", "swh_Latn"),
        harmful=np.array([True, True, False, False]),
        outcomes=outcomes((SAFE, UNSAFE), (SAFE, SAFE), (MISSING, MISSING), (MISSING, MISSING)),
        refused=outcomes((1, 0), (1, 1), (0, 1), (1, 1)),
        same_language=outcomes((1, 0), (1, 0), (1, -1), (1, -1)),
        invalid=outcomes((0, 0), (0, 0), (0, 1), (0, 0)),
    )
    found = judged.figures(ONCE)
    assert found["refused"][0] == pytest.approx([1, 1 / 2])
    assert found["over_refusal"][0] == pytest.approx([1 / 2, 1])
    assert found["difference"][0] == pytest.approx([1 / 2, -1 / 2])
    assert found["mean_difference"] == pytest.approx([0])
    assert found["same_language"][0] == pytest.approx([1, 0])
    assert found["invalid_harmless"][0] == pytest.approx([0, 1 / 2])


def test_nothing_to_judge_gives_no_figure() -> None:
    nothing = np.full((3, 2), MISSING, dtype=np.int8)
    found = intervals(lambda weights: safety_figures(nothing, weights), 3, 100)
    assert all(one.value is None for values in found.values() for one in values)
