"""A small real run of every stage, killed at random moments and restarted; what must be the same afterwards."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import polars as pl
import yaml
from tiny_models import save_causal_lm

import mlc_data
from mlc_data.core.hashing import hash_file
from mlc_data.core.manifest import Manifest, read_manifest
from mlc_data.stages import NAMES

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
"""Signals to choose from: half of them SIGKILL."""

COMMAND = "evaluate"
"""Command that brings a run through every stage without Prefect."""

_WAIT_SECONDS = 240.0
_LITTER = (".staging-*", ".shards-*", ".training-*", ".refresh-*", ".*.part", ".holder.json")
_DONE = re.compile(rb"(\w+): (?:done in|unchanged, reused|its key matches again)")
_QUICKSTART = Path(mlc_data.__file__).with_name("quickstart")


def recipe(folder: Path, prompts: int = 16) -> dict[str, Any]:
    """Return the recipe of the small run; its sources and its model are written into a folder."""
    for name in ("prompts", "preferences"):
        lines = (_QUICKSTART / f"{name}.jsonl").read_bytes().splitlines(keepends=True)
        more = _MORE if name == "prompts" else []
        (folder / f"{name}.jsonl").write_bytes(b"".join([*lines[:prompts], *more]))
    return {
        "name": "faults",
        "seed": 3,
        "sources": {
            "prompts": {"path": str(folder / "prompts.jsonl"), "licence": "Apache-2.0"},
            "preferences": {"path": str(folder / "preferences.jsonl"), "licence": "Apache-2.0"},
        },
        "languages": {"targets": ["spa_Latn", "swh_Latn", "zho_Hans"]},
        "translate": {
            "model": "package://mlc_data/quickstart/model",
            "cache": str(folder / "cache"),
            "beam_size": 1,
            "shard_prompts": 4,
        },
        "sets": {"completeness": "mask", "test_share": 0.4},
        "align": {
            "model": str(save_causal_lm(folder / "tiny")),
            "max_steps": 6,
            "save_every": 2,
            "batch_size": 2,
            "learning_rate": 1e-3,
            "max_length": 200,
            "lora": {"r": 4, "dropout": 0.1},
            "loss": {"every": 2, "sets_per_step": 3, "dimensions": 16, "layer": 2},
        },
        "evaluate": {
            "safety": {"prompts": [{"harmless": ["cooking", "garden"]}], "max_new_tokens": 4}
        },
    }


_MORE = [
    b'{"prompt": "How do I make a kite in 3 days?", "category": "home"}\n',  # the translator fails on it
    b'{"prompt": "How do I make soup in 5 days?", "category": "home"}\n',
    b'{"prompt": "!!!", "category": "home"}\n',  # rejected
    b"no JSON\n",
]


@dataclass(frozen=True)
class Ended:
    """Exit status (negative: the signal), output, and seconds of a command."""

    status: int
    output: str
    seconds: float


@dataclass(frozen=True)
class Kill:
    """A kill: the stage that was at work, the part of its usual time that had passed, and how it ended."""

    stage: str
    moment: float
    signal: signal.Signals
    status: int
    seconds: float

    @property
    def late(self) -> bool:
        """True where the command had ended before."""
        return self.status == 0


class Nursery:
    """Starts commands in processes of their own; see `fault_nursery.py`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *sys.path]),
            "HF_HUB_OFFLINE": "1",
            "HF_HOME": str(folder / "hub"),
            "OMP_NUM_THREADS": "1",
            "COLUMNS": "200",
        }
        self._program = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("fault_nursery.py"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        self._log = folder / "log.txt"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._program.stdin
        self._program.stdin.close()
        self._program.wait(60)

    def start(self, *argv: str, before: str = "") -> int:
        """Start a command; return its process id, which is also that of its group."""
        self._log.write_bytes(b"")
        self._begun = time.perf_counter()
        order = {"argv": argv, "cwd": str(self.folder), "log": str(self._log), "before": before}
        assert self._program.stdin
        self._program.stdin.write(json.dumps(order) + "\n")
        self._program.stdin.flush()
        return int(self._line())

    def wait(self) -> Ended:
        """Wait for the command that was started."""
        status = int(self._line())
        seconds = time.perf_counter() - self._begun
        return Ended(status, self._log.read_text("utf-8", "replace"), seconds)

    def run(self, *argv: str, before: str = "") -> Ended:
        """Start a command and wait for it."""
        self.start(*argv, before=before)
        return self.wait()

    def wait_for_stage(self, stage: str, pid: int) -> None:
        """Wait until the stage before this one is done, or the command has ended."""
        earlier = set(NAMES[: NAMES.index(stage)])
        deadline = time.monotonic() + _WAIT_SECONDS
        while time.monotonic() < deadline:
            if earlier <= done_stages(self._log) or not _alive(pid):
                return
            time.sleep(0.002)

    def wait_for_text(self, text: str, pid: int) -> None:
        """Wait until the command has written something, or has ended."""
        deadline = time.monotonic() + _WAIT_SECONDS
        while time.monotonic() < deadline and _alive(pid):
            if text in self._log.read_text("utf-8", "replace"):
                return
            time.sleep(0.002)

    def _line(self) -> str:
        assert self._program.stdout
        return self._program.stdout.readline()


def done_stages(log: Path) -> set[str]:
    """Return the stages that are done, or reused, by the output of a command."""
    return {name.decode() for name in _DONE.findall(log.read_bytes())}


def _alive(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


@dataclass
class SmallRun:
    """The small run in one folder, with the figures of an undisturbed one to choose moments from."""

    nursery: Nursery
    folder: Path
    recipe: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def run_dir(self) -> Path:
        """The run's folder."""
        return self.folder / "run"

    @property
    def manifest(self) -> Manifest:
        """The run's manifest."""
        return read_manifest(self.run_dir / "manifest.json")

    def argv(self, command: str = COMMAND) -> tuple[str, ...]:
        """Return a command on this run, after writing its recipe."""
        path = self.folder / "recipe.yaml"
        text = yaml.safe_dump(self.recipe, sort_keys=False)
        if not path.is_file() or path.read_text() != text:
            path.write_text(text)
        return (command, str(path), "--run-dir", str(self.run_dir))

    def run(self, command: str = COMMAND, before: str = "") -> Ended:
        """Run a command to its end."""
        return self.nursery.run(*self.argv(command), before=before)

    def kill(self, stage: str, moment: float, number: signal.Signals) -> Kill:
        """Start the run and send its group a signal while a stage is at work.

        Args:
            stage: the stage.
            moment: 0 to 1, part of the stage's usual time.
            number: the signal.
        """
        pid = self.nursery.start(*self.argv())
        self.nursery.wait_for_stage(stage, pid)
        time.sleep(moment * self.seconds[stage])
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, number)
        ended = self.nursery.wait()
        if "Traceback" in ended.output:
            raise AssertionError(f"{number.name} in {stage} at {moment:.2f}:\n{ended.output}")
        return Kill(stage, moment, number, ended.status, ended.seconds)

    def elsewhere(self, folder: Path, *, copied: bool = False) -> SmallRun:
        """Return the same run in another folder, with a cache of its own, and with a copy of its results or none."""
        other = SmallRun(self.nursery, folder, copy.deepcopy(self.recipe), dict(self.seconds))
        other.recipe["translate"]["cache"] = str(folder / "cache")
        if copied:
            for name in ("run", "cache"):
                shutil.copytree(self.folder / name, folder / name, symlinks=True)
        return other


@dataclass(frozen=True)
class State:
    """What two runs of the same recipe have in common."""

    hashes: dict[str, Any]
    counts: dict[str, Any]
    checkpoint: dict[str, str]
    results: dict[str, Any]
    keys: tuple[int, int]
    """Rows of the translations, and distinct ones by prompt and language."""

    @classmethod
    def of(cls, run: SmallRun) -> State:
        """Read the state of a finished run."""
        manifest = run.manifest
        rows = pl.read_parquet(
            sorted((run.run_dir / "translations").glob("*.parquet")),
            columns=["prompt_id", "language"],
        )
        checkpoint = run.run_dir / "checkpoint"
        return cls(
            hashes=manifest.content_hash.model_dump(),
            counts=manifest.counts.model_dump(),
            checkpoint={
                file.name: hash_file(file)
                for file in sorted(checkpoint.iterdir())
                if file.suffix == ".safetensors"
            },
            results=manifest.results,
            keys=(rows.height, rows.unique().height),
        )


def litter(run: SmallRun) -> list[str]:
    """Return what a finished run should not have left, in its folder and beside it."""
    found = {path for pattern in _LITTER for path in run.run_dir.rglob(pattern)}
    found |= set(run.folder.glob(".*"))
    return sorted(str(path.relative_to(run.folder)) for path in found)


def moments(seed: int, count: int) -> list[tuple[str, float, signal.Signals]]:
    """Return so many stages, moments and signals, in the order of the stages, every stage as often as others."""
    chance = random.Random(seed)
    stages = sorted((NAMES[n % len(NAMES)] for n in range(count)), key=NAMES.index)
    return [(stage, chance.random(), chance.choice(SIGNALS)) for stage in stages]


def undisturbed(run: SmallRun) -> State:
    """Run to the end; remember the seconds of each stage."""
    ended = run.run()
    assert ended.status == 0, ended.output
    run.seconds.update({name: record.seconds for name, record in run.manifest.stages.items()})
    return State.of(run)
