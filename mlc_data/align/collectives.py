"""Values that the processes of one training share: stop requests, means, the extractor."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed, nn
from transformers import TrainerCallback


def is_distributed() -> bool:
    """Return whether more than one process trains."""
    return (
        distributed.is_available()
        and distributed.is_initialized()
        and distributed.get_world_size() > 1
    )


def any_process(flag: bool, device: torch.device | str) -> bool:
    """Return whether ``flag`` is set in any process; every process calls it at the same point."""
    if not is_distributed():
        return flag
    flags = torch.tensor(int(flag), device=device)
    distributed.all_reduce(flags, distributed.ReduceOp.MAX)
    return bool(flags.item())


def mean_of_processes(value: Tensor) -> Tensor:
    """Return the mean of a scalar over the processes, [], without those in which it is not a number.

    Every process calls it at the same point.
    """
    if not is_distributed():
        return value
    known = torch.stack([torch.nan_to_num(value.detach()), (~value.isnan()).to(value.dtype)])
    distributed.all_reduce(known)
    return known[0] / known[1]


def sum_of_processes(values: Tensor, device: torch.device | str) -> Tensor:
    """Return the sums of some numbers over the processes, on the CPU; every process calls it at the same point."""
    if not is_distributed():
        return values
    shared = values.to(device)
    distributed.all_reduce(shared)
    return shared.cpu()


class SharedModule(TrainerCallback):  # type: ignore[misc]
    """Keeps a module outside the model, which data parallelism does not cover, equal in all processes.

    It starts with the weights of rank 0, and its gradient is averaged before each optimiser step. Its
    gradients must exist in all processes or in none.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        if is_distributed():
            with torch.no_grad():
                for weight in module.parameters():
                    distributed.broadcast(weight, src=0)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        """Average the gradients; called by the trainer when those of the step are complete."""
        if is_distributed():
            for weight in self.module.parameters():
                if weight.grad is not None:
                    distributed.all_reduce(weight.grad)
                    weight.grad /= distributed.get_world_size()
        return control
