"""Two processes over gloo train as one does, each with the whole model or with its shard."""

from __future__ import annotations

import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
import two_process_program
from alignment_fixtures import alignable_run
from launch_sandbox import run_together
from safetensors.torch import load_file
from support import SMALL, free_port
from transformers import LlamaForCausalLM

from mlc_data.align.checkpoint import finished, read_trained
from mlc_data.align.distributed.task import Task
from mlc_data.align.train import Trained
from mlc_data.consistency.hidden_states import text_states
from mlc_data.pipeline.run import Run

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]

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
"""Allowed norm of the difference, relative to the norm; 1e-4 elsewhere. ORPO averages over the tokens of a process
before it averages over processes, so replies of other lengths weigh a little differently; KTO estimates how far the
model has moved from other rows of the batch, which is smaller here."""


def write_task(make_run: MakeRun, name: str, processes: int, case: Case) -> Path:
    """Write a task that reads the same pairs and sets a step in one process and in two."""
    share = 2 // processes
    loss = {"sets_per_step": 2 * share, "weight": 5.0, **case.get("loss", {})}
    case = {"lora": {"r": 4}, "max_steps": 3, **case, "loss": loss}
    run = make_run(name, processes=processes, batch_size=2 * share, **case)
    task = Task(
        run=run.folder,
        recipe=run.recipe,
        revision=None,
        folder=run.path("training"),
        tensorboard=run.path("tensorboard"),
        launch_id=name,
    )
    task.launch_dir.mkdir(parents=True)
    file = run.path("task.json")
    file.write_text(task.model_dump_json())
    return file


def read_task(file: Path) -> Task:
    return Task.model_validate_json(file.read_text())


class Together(NamedTuple):
    """What two processes have trained in one launch: folder of the records, and tasks of a whole and a cut training."""

    folder: Path
    whole: Task
    cut: Task


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory, tiny_for_all: Path) -> Together:
    folder = tmp_path_factory.mktemp("together")
    random: Case = {"lora": {"r": 4, "dropout": 0.1}, "max_steps": 4}

    def make(name: str, **settings: Any) -> Run:
        return alignable_run(folder / name, tiny_for_all, deepcopy(SMALL), **settings)

    tasks = [write_task(make, f"two-{name}", 2, case) for name, case in CASES.items()]
    whole, cut = (write_task(make, name, 2, random) for name in ("whole", "cut"))
    run_two_processes(folder, [*map(str, tasks), f"write:{whole}", f"resume:{cut}"])
    return Together(folder, read_task(whole), read_task(cut))


@pytest.mark.parametrize("name", CASES)
def test_two_processes_take_the_steps_of_one(
    make_run: MakeRun, together: Together, name: str
) -> None:
    alone = read_task(write_task(make_run, f"one-{name}", 1, CASES[name]))
    compare(together.folder, list(CASES).index(name), name, alone)


def test_resumed_training_ends_with_the_same_weights(together: Together) -> None:
    expected, resumed = (
        load_file(task.launch_dir / "model" / "model.safetensors")
        for task in (together.whole, together.cut)
    )
    torch.testing.assert_close(resumed, expected, rtol=0, atol=0)


def test_two_shards_take_the_steps_of_one_process(
    make_run: MakeRun, tmp_path: Path, llama: LlamaForCausalLM
) -> None:
    cases = {
        name: {**case, "loss": {"extractor": "none", **case.get("loss", {})}}
        for name, case in SHARDED.items()
    }
    sharded = {name: {**case, "sharding": "fsdp"} for name, case in cases.items()}
    tasks = [write_task(make_run, f"two-{name}", 2, case) for name, case in sharded.items()]
    cut = {name: write_task(make_run, f"cut-{name}", 2, sharded[name]) for name in STOPPED}
    run_two_processes(tmp_path, [*map(str, tasks), *(f"resume:{file}" for file in cut.values())])
    compare_unequal(tmp_path, llama)
    for number, (name, case) in enumerate(cases.items()):
        alone = read_task(write_task(make_run, f"one-{name}", 1, case))
        trained = compare(tmp_path, number, name, alone)
        if name in STOPPED:
            expected = dict(finished(trained.model, alone.recipe.align, None).named_parameters())
            resumed = read_trained(read_task(cut[name]).launch_dir, alone.recipe.align, None).model
            weights = dict(resumed.named_parameters())
            torch.testing.assert_close(weights, expected, rtol=1e-4, atol=1e-6)


def compare(folder: Path, number: int, name: str, alone: Task) -> Trained:
    """Compare gradients of model and extractor, and the final weights, with those of one process.

    Adam hides a wrong scale of the gradients in the weights, so both are compared.
    """
    ranks = [load_file(folder / f"{number}-{rank}.safetensors") for rank in (0, 1)]
    one, trained = two_process_program.record(alone)
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


def compare_unequal(folder: Path, llama: LlamaForCausalLM) -> None:
    """Compare states and gradients of `two_process_program.read_unequally`, which are means over ranks."""
    ranks = [load_file(folder / f"unequal-{rank}.safetensors") for rank in (0, 1)]
    for rank, texts in zip(ranks, two_process_program.TEXTS, strict=True):
        states = text_states(llama, texts, 2, batch_size=1)
        torch.testing.assert_close(rank.pop("states"), states.detach(), rtol=1e-4, atol=1e-5)
        (states.square().sum() / 2).backward()
    expected = {name: w.grad for name, w in llama.named_parameters() if w.grad is not None}
    assert len(expected) > 10
    for name, gradient in expected.items():
        torch.testing.assert_close(ranks[0][name], gradient, rtol=1e-3, atol=1e-4)


def run_two_processes(folder: Path, tasks: list[str]) -> None:
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": str(free_port())}
    command = [sys.executable, two_process_program.__file__, str(folder), *tasks]
    ended = run_together(command, [{**shared, "RANK": rank, "LOCAL_RANK": rank} for rank in "01"])
    assert [each.returncode for each in ended] == [0, 0], "\n".join(each.output for each in ended)
