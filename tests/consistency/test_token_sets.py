"""Tokenised variant sets, and their order."""

from __future__ import annotations

from typing import Any

import pytest

from mlc_data.consistency.token_sets import SetSampler, tokenise_sets
from mlc_data.lm.prompt_format import PromptFormat

CODES = ("eng_Latn", "spa_Latn", "zho_Hans")


def a_set(prompt: str, **variants: str) -> dict[str, Any]:
    return {
        "prompt_id": prompt,
        "prompt": prompt,
        "language": "eng_Latn",
        "variants": [{"language": code, "text": text} for code, text in variants.items()],
    }


def test_sets_are_tokenised_with_gaps(tokenizer: Any) -> None:
    rows = [
        a_set("one", spa_Latn="uno", zho_Hans="一"),
        a_set("two", zho_Hans="二", deu_Latn="zwei"),
        a_set("three", spa_Latn="tres" * 100),
        a_set("four"),
    ]
    sets = tokenise_sets(rows, PromptFormat(tokenizer), CODES, max_length=60)
    assert sets.ids == ("one", "two")
    assert (sets.too_long, sets.dropped) == (1, 2)
    assert [[tokens is not None for tokens in row] for row in sets.rows] == [
        [True, True, True],
        [True, False, True],
    ]
    assert "二" in tokenizer.decode(sets.rows[1][2])


@pytest.mark.parametrize(("count", "per_step"), [(10, 3), (12, 4), (2, 5), (1, 1)])
def test_every_pass_is_a_permutation_without_repeats(count: int, per_step: int) -> None:
    sampler = SetSampler(count, per_step, seed=5)
    size = min(count, per_step)
    steps = count // size
    for epoch in range(3):
        drawn = [sampler.indices(epoch * steps + step) for step in range(steps)]
        flat = [index for indices in drawn for index in indices]
        assert len(flat) == len(set(flat)) == steps * size
        assert set(flat) <= set(range(count))


def test_the_order_depends_on_seed_and_step_alone() -> None:
    first, again, other = (SetSampler(50, 4, seed) for seed in (1, 1, 2))
    assert [first.indices(step) for step in (9, 3)] == [again.indices(step) for step in (9, 3)]
    assert first.indices(0) != other.indices(0)
    assert first.indices(0) != first.indices(12)  # the next pass
