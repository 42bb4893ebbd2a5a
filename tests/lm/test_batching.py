"""Batches of token sequences."""

from __future__ import annotations

from mlc_data.lm.batching import BATCH_WASTE, by_length


def test_batches_of_similar_length() -> None:
    lengths = [9, 100, 10, 11, 50, 52, 10, 95, 9]
    batches = by_length(lengths, batch_size=3)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        sizes = [lengths[index] for index in batch]
        assert len(batch) <= 3
        assert sum(sizes) >= (1 - BATCH_WASTE) * len(sizes) * max(sizes)
