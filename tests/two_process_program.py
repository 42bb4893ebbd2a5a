"""One rank of two that trains several tasks in a row and records what its optimiser receives.

``python two_process_program.py FOLDER TASK ...`` writes ``FOLDER/<number>-<rank>.safetensors`` for each task
file. The result of a task after ``write:`` is written as a worker does it; a task after ``resume:`` is also
stopped after two steps, resumed, and started once more when it is finished.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import state
from accelerate.utils import DistributedType
from safetensors.torch import save_file
from torch import distributed
from torch.distributed.fsdp import fully_shard
from transformers import LlamaForCausalLM

from mlc_data.align.checkpoint import read_trained
from mlc_data.align.distributed import worker
from mlc_data.align.distributed.task import Task
from mlc_data.align.stopping import request_stop
from mlc_data.align.train import Trained
from mlc_data.consistency.hidden_states import text_states
from mlc_data.errors import StoppedError
from mlc_data.lm.loading import quiet

RECORDED = (1, 3)
"""Optimiser steps, from 1, whose gradients are kept; the consistency loss is in both."""


@contextmanager
def before_each_step(call: Any) -> Iterator[None]:
    """Call ``call`` with the number of the step, from 1, and the optimiser before each step."""
    step = torch.optim.AdamW.step
    steps = 0

    def observed(self: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal steps
        steps += 1
        call(steps, self)
        return step(self, *args, **kwargs)

    torch.optim.AdamW.step = observed
    try:
        yield
    finally:
        torch.optim.AdamW.step = step


def record(task: Task) -> tuple[dict[str, torch.Tensor], Trained]:
    """Return gradients (by step and place in the optimiser) with final weights, and the result."""
    recorded: dict[str, torch.Tensor] = {}

    def keep(step: int, optimiser: Any) -> None:
        if step in RECORDED:
            weights = [weight for group in optimiser.param_groups for weight in group["params"]]
            for place, weight in enumerate(weights):
                if weight.grad is not None:
                    recorded[f"gradient {step} {place}"] = full(weight.grad).clone()

    with before_each_step(keep), quiet():
        trained = worker.train_share(task)
    for name, weight in trained.model.named_parameters():
        if weight.requires_grad:
            recorded[name] = full(weight.detach()).clone()
    return recorded, trained


def write(task: Task) -> None:
    with quiet():
        worker.train_and_write(task)


def stop_and_resume(task: Task, rank: int) -> None:
    def stop(step: int, _: Any) -> None:
        if step == 2 and rank == 1:  # the other rank has to learn of it
            request_stop()

    with before_each_step(stop), pytest.raises(StoppedError, match="stopped after step 2"):
        write(task)
    for resumed_from in (2, task.recipe.align.max_steps):
        distributed.barrier()
        write(task)
        distributed.barrier()
        assert read_trained(task.launch_dir, task.recipe.align, None).resumed_from == resumed_from


def full(tensor: Any) -> torch.Tensor:
    """Return a sharded tensor put together; others as they are."""
    whole: torch.Tensor = tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor
    return whole


def allow_sharding_on_cpus() -> None:
    """Make accelerate shard without GPUs: it ignores the setting there, though torch can do it."""
    begin = state.AcceleratorState.__init__

    def sharding(self: Any, *args: Any, fsdp_plugin: Any = None, **kwargs: Any) -> None:
        begin(self, *args, fsdp_plugin=fsdp_plugin, **kwargs)
        if fsdp_plugin is not None:
            self.distributed_type = DistributedType.FSDP
            if self._mixed_precision != "no":
                fsdp_plugin.set_mixed_precision(self._mixed_precision)
            self.fsdp_plugin = fsdp_plugin

    state.AcceleratorState.__init__ = sharding


TEXTS = [[[5, 6, 7], [8, 9], [4, 3, 2, 1], [7, 7], [9, 8, 7, 6, 5]], [[3, 9, 4], [6, 2]]]
"""Texts of each rank: five passes of one text each, and two."""


def read_unequally(model: LlamaForCausalLM, rank: int) -> dict[str, torch.Tensor]:
    """Return states and mean gradient where a rank has fewer texts than the other has passes."""
    for layer in model.model.layers:
        fully_shard(layer)
    fully_shard(model)
    model(torch.tensor([[1, 2]]))  # the root is the first that runs
    states = text_states(model, TEXTS[rank], 2, batch_size=1)
    states.square().sum().backward()
    weights = model.named_parameters()
    gradients = {name: full(w.grad).clone() for name, w in weights if w.grad is not None}
    return {"states": states.detach().clone(), **gradients}


def main(folder: Path, tasks: list[str], rank: int) -> None:
    """Train all tasks, one after the other."""
    named = [each.rpartition(":") for each in tasks]
    read = [
        (how, Task.model_validate_json(Path(file).read_text(encoding="utf-8")))
        for how, _, file in named
    ]
    if sharded := any(task.recipe.align.sharding == "fsdp" for _, task in read):
        allow_sharding_on_cpus()
    for number, (how, task) in enumerate(read):
        if how == "resume":
            stop_and_resume(task, rank)
        elif how == "write":
            write(task)
        else:
            save_file(record(task)[0], folder / f"{number}-{rank}.safetensors")
    if sharded:
        model = LlamaForCausalLM.from_pretrained(read[0][1].recipe.align.model)
        save_file(read_unequally(model, rank), folder / f"unequal-{rank}.safetensors")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:], int(os.environ["RANK"]))
