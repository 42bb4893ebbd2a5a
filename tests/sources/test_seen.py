"""Prompts seen so far, on disk."""

from __future__ import annotations

from contextlib import closing

import pytest

from mlc_data.core.hashing import prompt_id
from mlc_data.core.records import Prompt
from mlc_data.sources.seen import SeenPrompts


def prompt(text: str, row: int, chosen: str | None = None) -> Prompt:
    return Prompt(prompt_id(text), text, chosen=chosen, rejected=chosen and "no", row=row)


def test_the_row_of_the_first_is_returned() -> None:
    with closing(SeenPrompts()) as seen:
        assert seen.add(prompt("Bake?", 3)) is None
        assert seen.add(prompt("bake?", 9)) == 3
        assert seen.find(prompt("Bake?", 10)) == 3
        assert seen.find(prompt("Swim?", 10)) is None


def test_the_greatest_and_the_least_id_are_two_prompts() -> None:
    with closing(SeenPrompts()) as seen:
        found = [seen.add(Prompt(digit * 16, "x", row=1)) for digit in "0f7880"]
    assert found == [None, None, None, None, 1, 1]


@pytest.mark.parametrize(("chosen", "expected"), [(None, [True, False]), ("yes", [False, False])])
def test_only_the_first_pair_of_a_prompt_without_one_counts(
    chosen: str | None, expected: list[bool]
) -> None:
    with closing(SeenPrompts()) as seen:
        seen.add(prompt("Bake?", 1, chosen))
        assert [seen.pair(prompt("Bake?", row)) for row in (2, 3)] == expected
