"""`mlc-data align` started on "several machines" of this one, and what it trains on.

As a program: the command line where accelerate shards on CPUs.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from safetensors.torch import load_file
from support import free_port, write_jsonl
from together import shard_on_cpus
from torch import Tensor

from mlc_data.align import align
from mlc_data.pipeline.run import Run
from mlc_data.quickstart import phrasebook
from mlc_data.recipe.loading import load_recipe

STEPS = 32
LIMIT = 280
"""Seconds that one launch may take on a busy machine."""


@dataclass(frozen=True)
class Ended:
    """One launcher's process: its exit status, and what it and its processes said."""

    status: int
    said: str


class Place:
    """A recipe that the phrasebook translates and a tiny model is aligned with."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.folder = folder
        self.recipe = folder / "recipe.yaml"
        texts = [one.text("eng_Latn") for one in phrasebook.combinations()]
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

    def command(self, run: str, *options: str) -> list[str]:
        return ["align", str(self.recipe), "--run-dir", str(self.folder / run), *options]

    def run(self, name: str) -> Run:
        return Run.open(self.folder / name)

    def weights(self, run: str) -> dict[str, Tensor]:
        return load_file(self.folder / run / "checkpoint" / "model.safetensors")

    def again(self, run: str, *options: str) -> dict[str, Tensor]:
        """The weights of a copy that is trained anew without a launcher, some of `align` changed."""
        copy = self.folder / f"{run}-again"
        shutil.copytree(self.folder / run, copy)
        recipe = load_recipe(str(self.recipe), [f"align.{option}" for option in options])
        align(Run(recipe, copy), force=True)
        return self.weights(copy.name)

    def accelerate(
        self, machines: int, run: str, meanwhile: Callable[[list[int]], None] | None = None
    ) -> list[Ended]:
        """Two processes on one or two machines; ``meanwhile`` is given the launchers' process ids."""
        port = str(free_port())
        told = ["--multi_gpu", "--num_processes", "2", "--num_machines", str(machines)]
        told += ["--main_process_ip", "127.0.0.1", "--main_process_port", port]
        told += ["--mixed_precision", "no", "--dynamo_backend", "no"]
        launch = [sys.executable, "-m", "accelerate.commands.launch", *told]
        command = ["-m", "mlc_data", *self.command(run)]
        commands = [[*launch, "--machine_rank", str(n), *command] for n in range(machines)]
        return together(commands, [{}] * machines, meanwhile)

    def plainly(self, program: list[str], run: str, *options: str) -> list[Ended]:
        """Two processes, told who they are by the environment alone, as srun can do."""
        shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
        told = [{**shared, "RANK": rank, "LOCAL_RANK": "0"} for rank in "01"]
        return together([[sys.executable, *program, *self.command(run, *options)]] * 2, told)


def together(
    commands: list[list[str]],
    told: list[dict[str, str]],
    meanwhile: Callable[[list[int]], None] | None = None,
) -> list[Ended]:
    running = [
        subprocess.Popen(
            command,
            env=environment() | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for command, more in zip(commands, told, strict=True)
    ]
    try:
        if meanwhile:
            meanwhile([process.pid for process in running])
        said = [process.communicate(timeout=LIMIT)[0] for process in running]
    finally:
        for process in running:
            if process.poll() is None:
                process.terminate()
    return [Ended(each.returncode, text) for each, text in zip(running, said, strict=True)]


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def wait_for_step(run: Path, step: int) -> None:
    """Until a training checkpoint of that step, or of a later one, is complete."""
    limit = time.monotonic() + LIMIT
    while last_step(run) < step:
        assert time.monotonic() < limit
        time.sleep(0.01)


def last_step(run: Path) -> int:
    found = run.glob(".training-*/checkpoint-*/complete")
    return max((int(path.parent.name.rpartition("-")[2]) for path in found), default=0)


def kill_rank(rank: int, run: Path) -> None:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_text().split("\0")
            variables = (folder / "environ").read_text().split("\0")
        except OSError:  # it has ended, or is not ours
            continue
        if str(run) in command and f"RANK={rank}" in variables:
            os.kill(int(folder.name), signal.SIGKILL)
            return
    raise AssertionError(f"nobody trains {run} as rank {rank}")


if __name__ == "__main__":
    from mlc_data.cli.main import main

    shard_on_cpus()
    main()
