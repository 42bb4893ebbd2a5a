"""Batches of token sequences of similar length."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

BATCH_WASTE = 0.25
"""Greatest share of padding in a batch of `by_length`."""


def by_length(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """Return indices in batches of similar length, the shortest first.

    A batch has at most ``batch_size`` rows, and at most `BATCH_WASTE` of its tokens are
    padding.
    """
    batches: list[list[int]] = []
    tokens = 0
    for index in sorted(range(len(lengths)), key=lambda i: (lengths[i], i)):
        length = lengths[index]
        if batches and len(batches[-1]) < batch_size:
            area = (len(batches[-1]) + 1) * length
            if tokens + length >= (1 - BATCH_WASTE) * area:
                batches[-1].append(index)
                tokens += length
                continue
        batches.append([index])
        tokens = length
    return batches


def pad_right(rows: Sequence[Sequence[int]], device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Return token ids and attention mask, [N, T] each, padded on the right to the longest row."""
    width = max(len(row) for row in rows)
    ids = torch.zeros(len(rows), width, dtype=torch.int64)
    mask = torch.zeros(len(rows), width, dtype=torch.int64)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = torch.tensor(row, dtype=torch.int64)
        mask[number, : len(row)] = 1
    return ids.to(device), mask.to(device)
