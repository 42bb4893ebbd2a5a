"""Measures of states against values worked out by hand."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import pytest
import torch

from mlc_data.consistency.measures import measure

CODES = ("eng_Latn", "spa_Latn", "swh_Latn")


def no_loss(states: torch.Tensor, present: torch.Tensor) -> tuple[torch.Tensor, dict[str, Any]]:
    return torch.tensor(7.0), {"mlc": torch.tensor(float(present.sum()))}


def every(states: torch.Tensor) -> torch.Tensor:
    return torch.ones(states.shape[:2], dtype=torch.bool)


def test_perfect_consistency_without_collapse() -> None:
    """Prompt i points along axis i in every language: within 1, between 0, all retrieved."""
    states = torch.eye(4)[:, None].expand(4, 3, 4)
    whole, by_language = measure(states, every(states), CODES, no_loss)
    assert asdict(whole) == {
        "sets": 4,
        "loss": 12.0,
        "first_share": pytest.approx(1),
        "within_cosine": pytest.approx(1),
        "between_cosine": pytest.approx(0),
        "between_cosine_all": pytest.approx(0),
        "retrieval": 1.0,
        "retrieval_centred": 1.0,
        "chance": 0.25,
    }
    assert [row.language for row in by_language] == ["spa_Latn", "swh_Latn"]
    assert by_language[0].own_cosine == pytest.approx(1)
    assert by_language[0].other_cosine == pytest.approx(0)


def test_collapse_is_seen() -> None:
    """All states equal: the sets look perfect, but prompts cannot be told apart. Ties are misses."""
    states = torch.ones(5, 3, 4)
    whole, _ = measure(states, every(states), CODES, no_loss)
    assert whole.first_share == pytest.approx(1)
    assert whole.within_cosine == pytest.approx(1)
    assert whole.between_cosine == pytest.approx(1)
    assert whole.retrieval == 0
    assert whole.retrieval_centred == 0


def test_values_of_two_prompts_by_hand() -> None:
    """In a plane, by angle: A eng 0, spa 60, swh 0; B eng 90, spa 0, swh 90 degrees.

    - cosines within A: .5, 1, .5 (mean 2/3); within B: 0, 1, 0 (mean 1/3); together 1/2.
    - between the English texts: cos 90 = 0.
    - A's spa is nearer to A (cos 60 = .5) than to B (cos 30 = .87): a miss. B's spa lies on A: a
      miss. Both swh are hits. Retrieval: spa 0, swh 1, all .5.
    - s_1^2 of B's rows is 2 (two equal rows, one orthogonal), the share 2/3. For A, Z Z^T has the
      eigenvalues of [[1,.5,1],[.5,1,.5],[1,.5,1]]: (3 + sqrt(3))/2, (3 - sqrt(3))/2 and 0.
    - between all: rows of A at 0, 60, 0 against rows of B at 90, 0, 90: the sum of the vectors of A
      is (2.5, .866), of B (1, 2): product 2.5 + 1.732 = 4.232 over 9 pairs.
    """

    def at(degrees: float) -> list[float]:
        return [math.cos(math.radians(degrees)), math.sin(math.radians(degrees))]

    states = torch.tensor([[at(0), at(60), at(0)], [at(90), at(0), at(90)]]) * 3
    whole, (spa, swh) = measure(states, every(states), CODES, no_loss)
    assert whole.within_cosine == pytest.approx(0.5)
    assert whole.between_cosine == pytest.approx(0, abs=1e-6)
    assert whole.between_cosine_all == pytest.approx((2.5 + math.sqrt(3)) / 9)
    assert whole.retrieval == 0.5
    assert (spa.retrieval, swh.retrieval) == (0, 1)
    assert spa.own_cosine == pytest.approx(0.25)
    assert spa.other_cosine == pytest.approx((math.cos(math.pi / 6) + 1) / 2)
    assert whole.first_share == pytest.approx(((3 + math.sqrt(3)) / 6 + 2 / 3) / 2)


def test_centring_takes_away_what_a_language_has_in_common() -> None:
    """Each language adds a huge vector of its own: raw retrieval fails, centred does not."""
    torch.manual_seed(0)
    prompts = torch.randn(6, 1, 16)
    offsets = torch.randn(1, 3, 16) * 50
    whole, _ = measure(prompts + offsets, torch.ones(6, 3, dtype=torch.bool), CODES, no_loss)
    assert whole.retrieval < 0.5
    assert whole.retrieval_centred == 1


def test_missing_languages_are_left_out() -> None:
    states = torch.eye(4)[:, None].repeat(1, 3, 1)
    present = torch.tensor([[1, 1, 1], [1, 1, 0], [1, 0, 0], [0, 1, 1]]).bool()
    states[~present] = 1e6
    whole, (spa, swh) = measure(states, present, CODES, no_loss)
    assert (whole.sets, spa.sets, swh.sets) == (2, 2, 1)
    assert whole.within_cosine == pytest.approx(1)
    assert whole.between_cosine_all == pytest.approx(0)


def test_one_set_cannot_be_measured() -> None:
    with pytest.raises(ValueError, match="two sets"):
        measure(torch.ones(1, 3, 4), torch.ones(1, 3, dtype=torch.bool), CODES, no_loss)
    with pytest.raises(ValueError, match="do not fit"):
        measure(torch.ones(2, 3, 4), torch.ones(2, 3, dtype=torch.bool), CODES[:2], no_loss)
