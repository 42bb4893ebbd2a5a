"""Runs of a tiny recipe that `mlc-data align` trains in several processes.

As a program: the command line, where accelerate shards on CPUs.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import yaml
from safetensors.torch import load_file
from support import free_port, write_jsonl
from torch import Tensor

from mlc_data.pipeline.run import Run
from scripts.phrasebook import phrasebook

STEPS = 24
TIMEOUT = 600
COMMAND = [sys.executable, "-m", "mlc_data"]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]
ACCELERATE = [
    sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2",
    "--mixed_precision", "no", "--dynamo_backend", "no",
]  # fmt: skip
"""`--multi_gpu` works without a GPU too; `--cpu` starts one process unless MPI is there."""


@dataclass(frozen=True)
class Ended:
    """A process that has ended: its exit code, and standard output and error of all its children."""

    returncode: int
    output: str

    @property
    def errors(self) -> list[str]:
        """Lines that the command line shows as errors."""
        return [
            line for line in self.output.splitlines() if line.startswith(("Error: ", "Stopped "))
        ]


class LaunchSandbox:
    """A folder with a recipe, and with a run whose variant sets are built."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.folder = folder
        self.recipe = folder / "recipe.yaml"
        texts = [phrase.text("eng_Latn") for phrase in phrasebook.combinations()]
        pair = {"chosen": "Gladly, and slowly.", "rejected": "I cannot help."}
        rows = [{"prompt": texts[number * 7 % len(texts)], **pair} for number in range(12)]
        recipe: dict[str, Any] = {
            "name": "small",
            "seed": 3,
            "sources": {"prompts": {"path": str(write_jsonl(folder / "prompts.jsonl", rows))}},
            "languages": {"targets": ["spa_Latn", "swh_Latn", "zho_Hans"]},
            "translate": {
                "model": "package://mlc_data/quickstart/model",
                "cache": None,
                "beam_size": 1,
            },
            "align": {
                "model": str(model),
                "processes": "auto",
                "max_steps": STEPS,
                "save_every": 2,
                "batch_size": 2,
                "learning_rate": 1e-3,
                "max_length": 200,
                "lora": {"r": 4, "dropout": 0.1},
                "report_to": [],
                "loss": {"every": 2, "sets_per_step": 2, "dimensions": 16, "layer": 2},
            },
        }
        self.recipe.write_text(yaml.safe_dump(recipe))
        built = run([*COMMAND, "sets", str(self.recipe), "--run-dir", str(folder / "built")])
        assert built.returncode == 0, built.output

    def new_run(self, name: str) -> Path:
        """Copy the run with the built sets."""
        return shutil.copytree(self.folder / "built", self.folder / name)

    def train_in_two_processes(self, name: str) -> Path:
        """Train a new run with ``align.processes=2``, and return its folder."""
        folder = self.new_run(name)
        trained = run([*COMMAND, *align(folder, "processes=2")])
        assert trained.returncode == 0, trained.output
        return folder


def align(folder: Path, *options: str) -> list[str]:
    """Return the arguments of `mlc-data align` for a run's folder, with options of section `align`."""
    return [
        "align",
        str(folder),
        *(part for each in options for part in ("--set", f"align.{each}")),
    ]


def torchrun(folder: Path, *options: str) -> Ended:
    """Run `mlc-data align` as two ranks of torchrun."""
    return run([*TORCHRUN, *two_ranks(), *align(folder, *options)])


def two_ranks() -> list[str]:
    """Return torchrun's arguments for two ranks of `mlc-data` on this machine."""
    return ["--nproc-per-node", "2", "--master-port", str(free_port()), "-m", "mlc_data"]


def accelerate(folder: Path) -> list[Ended]:
    """Run `mlc-data align` as two ranks of `accelerate launch`, each on a "machine" of its own."""
    address = ["--main_process_ip", "127.0.0.1", "--main_process_port", str(free_port())]
    launch = [*ACCELERATE, "--num_machines", "2", *address]
    commands = [
        [*launch, "--machine_rank", str(number), "-m", "mlc_data", *align(folder)]
        for number in range(2)
    ]
    return wait_for([start(command) for command in commands])


def run(command: Sequence[str]) -> Ended:
    return wait_for([start(command)])[0]


def run_together(command: Sequence[str], environments: Sequence[dict[str, str]]) -> list[Ended]:
    """Run a command as several processes that differ in their environment variables, as srun does."""
    return wait_for([start(command, environment) for environment in environments])


def start(
    command: Sequence[str], environment: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start a command in a process group of its own, as a terminal does."""
    return subprocess.Popen(
        command,
        env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for(running: Sequence[subprocess.Popen[str]]) -> list[Ended]:
    try:
        outputs = [process.communicate(timeout=TIMEOUT)[0] for process in running]
    finally:
        for process in running:
            process.kill()
    return [Ended(each.returncode, text) for each, text in zip(running, outputs, strict=True)]


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str] | None = None) -> None:
    """Wait for a condition, as long as the process runs."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def last_step(folder: Path) -> int:
    """Return the step of the newest complete training checkpoint; 0 without one."""
    complete = folder.glob(".training-*/checkpoint-*/complete")
    return max((int(path.parent.name.rpartition("-")[2]) for path in complete), default=0)


def ranks_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """Return the ranks that an `mlc-data align` with several processes has spawned, in order."""
    children = psutil.Process(process.pid).children(recursive=True)
    spawned = [child for child in children if "--multiprocessing-fork" in command_of(child)]
    return sorted(spawned, key=lambda child: child.pid)


def command_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:  # it has ended
        return []


def weights(folder: Path) -> dict[str, Tensor]:
    return load_file(folder / "checkpoint" / "model.safetensors")


def notes(folder: Path) -> dict[str, Any]:
    return Run.open(folder).manifest.stages["align"].notes


if __name__ == "__main__":
    from two_process_program import allow_sharding_on_cpus

    from mlc_data.cli.main import main

    allow_sharding_on_cpus()
    main()
