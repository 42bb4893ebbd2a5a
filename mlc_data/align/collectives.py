"""What the processes of one training share: the wish to stop, means, the extractor."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, distributed, nn
from transformers import TrainerCallback


def several() -> bool:
    """Whether more than one process trains."""
    return (
        distributed.is_available()
        and distributed.is_initialized()
        and distributed.get_world_size() > 1
    )


def any_process(flag: bool, device: torch.device | str) -> bool:
    """Whether ``flag`` is set in any process. All ask at the same point, and all get the same answer."""
    if not several():
        return flag
    found = torch.tensor(int(flag), device=device)
    distributed.all_reduce(found, distributed.ReduceOp.MAX)
    return bool(found.item())


def mean_of_processes(value: Tensor) -> Tensor:
    """The mean over the processes, [], of a scalar; where it is not a number in one, of the others.

    All call it at the same point.
    """
    if not several():
        return value
    known = torch.stack([torch.nan_to_num(value.detach()), (~value.isnan()).to(value.dtype)])
    distributed.all_reduce(known)
    return known[0] / known[1]


class SharedModule(TrainerCallback):  # type: ignore[misc]
    """Keeps a module equal in all processes that stands beside the model, where data parallelism does
    not see it: it begins as in the first process, and its gradient is averaged before each optimiser
    step.

    Its gradients must be there in all processes or in none.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        if several():
            with torch.no_grad():
                for weight in module.parameters():
                    distributed.broadcast(weight, src=0)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        """Called by the trainer when the step's gradients are complete."""
        if several():
            for weight in self.module.parameters():
                if weight.grad is not None:
                    distributed.all_reduce(weight.grad)
                    weight.grad /= distributed.get_world_size()
        return control
