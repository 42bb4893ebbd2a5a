"""Batches of one size, and an engine that never waits for what is done with its results."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mlc_data.translate.engines.ctranslate2 import _ahead, even_batches


@given(st.lists(st.integers(1, 60), max_size=80), st.integers(1, 200), st.integers(1, 4))
def test_every_sentence_is_in_one_batch_within_the_limit(
    lengths: list[int], limit: int, at_once: int
) -> None:
    tokens = [["x"] * length for length in sorted(lengths, reverse=True)]
    batches = even_batches(range(len(tokens)), tokens, limit, at_once)
    assert [index for batch in batches for index in batch] == list(range(len(tokens)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * len(tokens[batch[0]]) <= limit


def test_batches_fill_all_that_work_at_the_same_time() -> None:
    tokens = [["x"] * 10] * 96
    assert [len(one) for one in even_batches(range(96), tokens, 640, 2)] == [48, 48]
    assert [len(one) for one in even_batches(range(96), tokens, 400, 2)] == [24] * 4
    assert [len(one) for one in even_batches(range(96), tokens, 960, 1)] == [96]


def test_the_next_batches_are_begun_before_a_result_is_used() -> None:
    told: list[str] = []

    def begin(batch: list[int]) -> list[int]:
        told.append(f"begin {batch[0]}")
        return batch

    for batch, started in _ahead([[0], [1], [2], [3]], 3, begin):
        assert started is batch
        told.append(f"use {batch[0]}")
    assert told == [
        "begin 0", "begin 1", "begin 2", "use 0", "begin 3", "use 1", "use 2", "use 3",
    ]  # fmt: skip
