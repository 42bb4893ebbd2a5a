"""Two processes over gloo train as one does, each with the whole model or with its share."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import together
import torch
from safetensors.torch import load_file
from transformers import LlamaForCausalLM

from mlc_data.align.launch import Task
from mlc_data.align.train import Trained
from mlc_data.consistency.hidden_states import text_states
from mlc_data.pipeline.run import Run

MakeRun = Callable[..., Run]
Case = dict[str, Any]

CASES: dict[str, Case] = {
    "adapters": {"lora": {"r": 4}},
    "every weight": {"lora": None, "loss": {"extractor": "none", "form": "plain"}},
    "accumulated": {"gradient_accumulation": 2, "gradient_checkpointing": True},
    "sft": {"method": "sft", "lora": None, "gradient_checkpointing": True},
    "orpo": {"method": "orpo"},
    "kto": {"method": "kto"},
}

SHARDED: dict[str, Case] = {
    "adapters": {"loss": {"extractor": "linear", "frozen_extractor": True}},
    "every weight": {"lora": None, "loss": {"form": "plain", "layer": -1}},
    "accumulated": {"gradient_accumulation": 2, "gradient_checkpointing": True, "lora": None},
    "simpo": {"method": "simpo", "loss": {"center": "final_norm"}},
    "kto": {"method": "kto", "lora": None},
    "bfloat16": {"lora": None, "dtype": "bfloat16"},
}
STOPPED = ("adapters", "every weight")

TOLERANCE = {"orpo": 0.05, "kto": 0.05, "bfloat16": 0.1}
"""Of the norm of the difference to the norm, else 1e-4. ORPO averages over the tokens of each process and then
over processes, so that replies of other lengths count a little differently; KTO's estimate of how far the model
has moved is made of other neighbours in a batch of other size."""


def task_of(make_run: MakeRun, name: str, processes: int, case: Case) -> Task:
    """The same pairs and sets a step, whether one process reads them or two."""
    share = 2 // processes
    loss = {"sets_per_step": 2 * share, "weight": 5.0, **case.get("loss", {})}
    case = {"lora": {"r": 4}, "max_steps": 3, **case, "loss": loss}
    run = make_run(name, processes=processes, batch_size=2 * share, **case)
    task = Task(run.folder, run.recipe, None, run.path("training"))
    task.desk.mkdir(parents=True)
    task.write()
    return task


def test_two_processes_take_the_steps_of_one(make_run: MakeRun, tmp_path: Path) -> None:
    tasks = [task_of(make_run, f"two-{name}", 2, case) for name, case in CASES.items()]
    random: Case = {"lora": {"r": 4, "dropout": 0.1}, "max_steps": 4}
    whole, cut = (task_of(make_run, name, 2, random) for name in ("whole", "cut"))
    files = [str(task.file) for task in tasks]
    in_two_processes(tmp_path, [*files, f"work:{whole.file}", f"stop:{cut.file}"])
    for number, (name, case) in enumerate(CASES.items()):
        compare(tmp_path, number, name, task_of(make_run, f"one-{name}", 1, case))
    # Dropout and all: what was stopped and gone on with is what was not.
    expected, found = (load_file(task.weights / "model.safetensors") for task in (whole, cut))
    assert expected.keys() == found.keys()
    assert all(torch.equal(found[name], weight) for name, weight in expected.items())


def test_so_do_two_that_share_the_weights(
    make_run: MakeRun, tmp_path: Path, llama: LlamaForCausalLM
) -> None:
    cases = {
        name: {**case, "loss": {"extractor": "none", **case.get("loss", {})}}
        for name, case in SHARDED.items()
    }
    tasks = [
        task_of(make_run, f"two-{name}", 2, {**case, "sharding": "fsdp"})
        for name, case in cases.items()
    ]
    cut = {
        name: task_of(make_run, f"cut-{name}", 2, {**cases[name], "sharding": "fsdp"})
        for name in STOPPED
    }
    files = [str(task.file) for task in tasks]
    in_two_processes(tmp_path, [*files, *(f"stop:{task.file}" for task in cut.values())])
    unequal(tmp_path, llama)
    for number, (name, case) in enumerate(cases.items()):
        trained = compare(tmp_path, number, name, task_of(make_run, f"one-{name}", 1, case))
        if name in STOPPED:
            expected = dict(together.worker.merged(trained.model).named_parameters())
            stopped = LlamaForCausalLM.from_pretrained(cut[name].weights)
            found = dict(stopped.named_parameters())
            torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


def compare(folder: Path, number: int, name: str, alone: Task) -> Trained:
    """What reaches the optimiser, gradients of model and extractor, and the weights that come of it, with
    what one process alone makes.

    Adam hides a wrong scale of the gradients in the weights, so both are compared.
    """
    ranks = [load_file(folder / f"{number}-{rank}.safetensors") for rank in (0, 1)]
    one, trained = together.record(alone)
    loss = alone.recipe.align.loss
    extracts = loss.extractor != "none" and not loss.frozen_extractor
    assert (trained.extractor_parameters > 0) == extracts
    assert one.keys() == ranks[0].keys() == ranks[1].keys()
    assert sum(key.startswith("gradient 3") for key in one) > 10
    for key, expected in one.items():
        assert torch.equal(ranks[0][key], ranks[1][key]), (name, key)
        difference = (ranks[0][key] - expected).norm()
        limit = TOLERANCE.get(name, 1e-4) * expected.norm() + 1e-6
        assert difference <= limit, (name, key, difference, limit)
    return trained


def unequal(folder: Path, llama: LlamaForCausalLM) -> None:
    """See `together.read_unequally`; the means are over the processes."""
    ranks = [load_file(folder / f"unequal-{rank}.safetensors") for rank in (0, 1)]
    for rank, texts in zip(ranks, together.TEXTS, strict=True):
        states = text_states(llama, texts, 2, batch_size=1)
        torch.testing.assert_close(rank.pop("states"), states.detach(), rtol=1e-4, atol=1e-5)
        (states.square().sum() / 2).backward()
    expected = {name: w.grad for name, w in llama.named_parameters() if w.grad is not None}
    assert len(expected) > 10
    for name, gradient in expected.items():
        torch.testing.assert_close(ranks[0][name], gradient, rtol=1e-3, atol=1e-4)


def in_two_processes(folder: Path, tasks: list[str]) -> None:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    running = [
        subprocess.Popen(
            [sys.executable, together.__file__, str(folder), *tasks],
            env={**os.environ, **shared, "RANK": rank, "LOCAL_RANK": rank, "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    ]
    try:
        ended = [(process.communicate(timeout=200)[1], process.returncode) for process in running]
    finally:
        for process in running:
            process.kill()
    if any(status for _, status in ended):
        pytest.fail("\n".join(errors for errors, _ in ended))
