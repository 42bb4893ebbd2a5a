"""A training within this process, and what its optimiser is given; as a program, one process of two.

``python together.py FOLDER TASK ...`` writes ``FOLDER/<number>-<rank>.safetensors`` for each task. A task
after ``work:`` is done by the worker instead; after ``stop:`` the worker is stopped after two steps, goes on,
and is begun once more when all is done.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from accelerate import state
from accelerate.utils import DistributedType
from safetensors.torch import save_file
from torch import distributed
from torch.distributed.fsdp import fully_shard
from transformers import LlamaForCausalLM

from mlc_data.align import worker
from mlc_data.align.launch import Task
from mlc_data.align.stopping import request_stop
from mlc_data.align.train import Trained
from mlc_data.consistency.hidden_states import text_states
from mlc_data.lm.loading import quiet

RECORDED = (1, 3)
"""Optimiser steps, from 1, whose gradients are kept; the consistency loss is in both."""


@contextmanager
def each_step(look: Any) -> Iterator[None]:
    """Before each step ``look`` is given its number, from 1, and the optimiser."""
    step = torch.optim.AdamW.step
    steps = 0

    def looked_at(self: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal steps
        steps += 1
        look(steps, self)
        return step(self, *args, **kwargs)

    torch.optim.AdamW.step = looked_at
    try:
        yield
    finally:
        torch.optim.AdamW.step = step


def record(task: Task) -> tuple[dict[str, torch.Tensor], Trained]:
    """Gradients (by step and place in the optimiser) and the final weights that are trained."""
    found: dict[str, torch.Tensor] = {}

    def keep(step: int, optimiser: Any) -> None:
        if step in RECORDED:
            weights = [weight for group in optimiser.param_groups for weight in group["params"]]
            for place, weight in enumerate(weights):
                if weight.grad is not None:
                    found[f"gradient {step} {place}"] = whole(weight.grad).clone()

    with each_step(keep), quiet():
        trained = worker._train(task)
    for name, weight in trained.model.named_parameters():
        if weight.requires_grad:
            found[name] = whole(weight.detach()).clone()
    return found, trained


def stopped_and_gone_on(task: Task, rank: int) -> None:
    """By the worker's own way, so that the weights are gathered and written."""

    def stop(step: int, _: Any) -> None:
        if step == 2 and rank == 1:  # the other one is to hear of it
            request_stop()

    with each_step(stop):
        assert worker.work(task, rank) == 0
    distributed.barrier()
    assert "stopped after step 2" in task.outcome.read_text()
    for after in (2, task.recipe.align.max_steps):
        distributed.barrier()
        assert worker.work(task, rank) == 0
        distributed.barrier()
        assert json.loads(task.outcome.read_text())["resumed_from"] == after


def whole(found: Any) -> torch.Tensor:
    """A sharded tensor put together; others as they are."""
    together: torch.Tensor = found.full_tensor() if hasattr(found, "full_tensor") else found
    return together


def shard_on_cpus() -> None:
    """Accelerate shards on GPUs alone and passes the wish over elsewhere; torch can on CPUs too."""
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
"""Of each process: five passes of one text each, and two."""


def read_unequally(model: LlamaForCausalLM, rank: int) -> dict[str, torch.Tensor]:
    """States and mean gradient where one process has fewer texts than the other has passes."""
    for layer in model.model.layers:
        fully_shard(layer)
    fully_shard(model)
    model(torch.tensor([[1, 2]]))  # the root is the first that runs
    states = text_states(model, TEXTS[rank], 2, batch_size=1)
    states.square().sum().backward()
    weights = model.named_parameters()
    found = {name: whole(w.grad).clone() for name, w in weights if w.grad is not None}
    return {"states": states.detach().clone(), **found}


def main(folder: Path, tasks: list[str], rank: int) -> None:
    """Do all of them, one after the other."""
    named = [each.rpartition(":") for each in tasks]
    read = [(how, Task.read(Path(file))) for how, _, file in named]
    if sharded := any(task.recipe.align.sharding == "fsdp" for _, task in read):
        shard_on_cpus()
    for number, (how, task) in enumerate(read):
        if how == "stop":
            stopped_and_gone_on(task, rank)
        elif how == "work":
            assert worker.work(task, rank) == 0
        else:
            save_file(record(task)[0], folder / f"{number}-{rank}.safetensors")
    if sharded:
        model = LlamaForCausalLM.from_pretrained(read[0][1].recipe.align.model)
        save_file(read_unequally(model, rank), folder / f"unequal-{rank}.safetensors")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:], int(os.environ["RANK"]))
