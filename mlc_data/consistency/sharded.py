"""Forward passes through a model whose weights are spread over processes (FSDP2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import distributed, nn
from torch.distributed.fsdp import FSDPModule


def is_sharded(model: nn.Module) -> bool:
    """Whether every forward pass gathers weights from all processes, and so needs all of them."""
    return isinstance(model, FSDPModule)


def equal_passes(
    lengths: Sequence[int], batch_size: int, device: torch.device | str
) -> list[list[int]]:
    """Indices in batches of similar length, as many of them in each process; all call it together.

    A process with fewer texts than batches has empty ones at the end: it runs a pass there that
    counts for nothing.

    Args:
        lengths: of this process's texts, at least one.
        batch_size: most rows a batch.
        device: of the processes' tensors.
    """
    passes = torch.tensor(math.ceil(len(lengths) / batch_size), device=device)
    distributed.all_reduce(passes, distributed.ReduceOp.MAX)
    count = int(passes.item())
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i], i))
    size, more = divmod(len(order), count)
    ends = [number * size + min(number, more) for number in range(count + 1)]
    return [order[begin:end] for begin, end in pairwise(ends)]
