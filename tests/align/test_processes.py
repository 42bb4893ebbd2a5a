"""Two processes over gloo train as one does."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import together
import torch
from safetensors.torch import load_file

from mlc_data.align.launch import Task
from mlc_data.workspace import Run

MakeRun = Callable[..., Run]

CASES: dict[str, dict[str, Any]] = {
    "adapters": {"lora": {"r": 4}},
    "every weight": {"lora": None, "loss": {"extractor": "none", "form": "plain"}},
    "accumulated": {"gradient_accumulation": 2, "gradient_checkpointing": True},
    "sft": {"method": "sft", "lora": None},
    "orpo": {"method": "orpo"},
}

TOLERANCE = {"orpo": 0.05}
"""Of the norm of the difference to the norm; 1e-4 but for ORPO, which averages over the tokens of each
process and then over processes, so that replies of other lengths count a little differently."""


def task_of(make_run: MakeRun, name: str, processes: int, case: dict[str, Any]) -> Task:
    """The same pairs and sets a step, whether one process reads them or two."""
    share = 2 // processes
    loss = {"sets_per_step": 2 * share, "weight": 5.0, **case.get("loss", {})}
    settings = {"lora": {"r": 4}, **case, "loss": loss, "batch_size": 2 * share, "max_steps": 3}
    run = make_run(name, processes=processes, **settings)
    task = Task(run.folder, run.recipe, None, run.path("training"))
    task.desk.mkdir(parents=True)
    task.write()
    return task


def test_two_processes_take_the_steps_of_one(make_run: MakeRun, tmp_path: Path) -> None:
    """What reaches the optimiser, gradients of model and extractor, and the weights that come of it.

    The extractor has its own gradient to compare: Adam would hide a wrong scale in the weights.
    """
    tasks = [task_of(make_run, f"two-{name}", 2, case) for name, case in CASES.items()]
    in_two_processes(tmp_path, tasks)
    for number, (name, case) in enumerate(CASES.items()):
        ranks = [load_file(tmp_path / f"{number}-{rank}.safetensors") for rank in (0, 1)]
        one, trained = together.record(task_of(make_run, f"one-{name}", 1, case))
        extracts = case.get("loss", {}).get("extractor") != "none"
        assert (trained.extractor_parameters > 0) == extracts
        assert one.keys() == ranks[0].keys() == ranks[1].keys()
        assert sum(key.startswith("gradient 3") for key in one) > 10
        for key, expected in one.items():
            assert torch.equal(ranks[0][key], ranks[1][key]), (name, key)
            difference = (ranks[0][key] - expected).norm()
            limit = TOLERANCE.get(name, 1e-4) * expected.norm() + 1e-6
            assert difference <= limit, (name, key, difference, limit)


def in_two_processes(folder: Path, tasks: list[Task]) -> None:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
    running = [
        subprocess.Popen(
            [sys.executable, together.__file__, str(folder), *(str(task.file) for task in tasks)],
            env={**os.environ, **shared, "RANK": rank, "LOCAL_RANK": rank, "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in "01"
    ]
    try:
        for process in running:
            errors = process.communicate(timeout=120)[1]
            assert process.returncode == 0, errors
    finally:
        for process in running:
            process.kill()
