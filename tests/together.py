"""A training within this process, and what its optimiser is given; as a program, one process of two.

``python together.py FOLDER TASK ...`` writes ``FOLDER/<number>-<rank>.safetensors`` for each task.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from mlc_data.align import worker
from mlc_data.align.launch import Task
from mlc_data.align.model import quiet
from mlc_data.align.training import Trained

RECORDED = (1, 3)
"""Optimiser steps, from 1, whose gradients are kept; the consistency loss is in both."""


def record(task: Task) -> tuple[dict[str, torch.Tensor], Trained]:
    """Gradients (by step and place in the optimiser) and the final weights that are trained."""
    found: dict[str, torch.Tensor] = {}
    step = torch.optim.AdamW.step
    steps = 0

    def recorded(self: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal steps
        steps += 1
        if steps in RECORDED:
            groups = self.param_groups
            weights = [weight for group in groups for weight in group["params"]]
            for place, weight in enumerate(weights):
                if weight.grad is not None:
                    found[f"gradient {steps} {place}"] = weight.grad.clone()
        return step(self, *args, **kwargs)

    torch.optim.AdamW.step = recorded
    try:
        with quiet():
            trained = worker._train(task)
    finally:
        torch.optim.AdamW.step = step
    weights = trained.model.named_parameters()
    found |= {name: weight.detach().clone() for name, weight in weights if weight.requires_grad}
    return found, trained


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for number, file in enumerate(sys.argv[2:]):
        save_file(
            record(Task.read(Path(file)))[0], folder / f"{number}-{os.environ['RANK']}.safetensors"
        )
    torch.distributed.destroy_process_group()
