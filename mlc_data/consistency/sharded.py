"""Forward passes through a model whose weights are sharded over processes (FSDP2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import distributed, nn
from torch.distributed.fsdp import FSDPModule


def is_sharded(model: nn.Module) -> bool:
    """Return whether a forward pass gathers weights from all processes, and so needs all of them."""
    return isinstance(model, FSDPModule)


def equal_passes(
    lengths: Sequence[int], batch_size: int, device: torch.device | str
) -> list[list[int]]:
    """Return indices in batches of similar length, the same number of batches in every process.

    Every process calls it at the same point. A process with fewer texts than batches gets empty batches at
    the end, for each of which it runs a pass that does not count.

    Args:
        lengths: lengths of this process's texts in tokens, at least one.
        batch_size: largest number of rows in a batch.
        device: device of this process.
    """
    passes = torch.tensor(math.ceil(len(lengths) / batch_size), device=device)
    distributed.all_reduce(passes, distributed.ReduceOp.MAX)
    count = int(passes.item())
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i], i))
    size, more = divmod(len(order), count)
    ends = [number * size + min(number, more) for number in range(count + 1)]
    return [order[begin:end] for begin, end in pairwise(ends)]
