"""One training by several processes: started, listened to, stopped, and what comes of it.

torch's elastic agent, which `accelerate launch` and `torchrun` start too, watches over the processes;
each of them runs `mlc_data.align.worker` and finds the training described in a file.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlc_data import errors, launcher
from mlc_data.align import launched
from mlc_data.align.relay import Relay
from mlc_data.align.stopping import orderly_stop, stop_requested
from mlc_data.core.files import write_text
from mlc_data.errors import MlcDataError, StoppedError, UsageError
from mlc_data.pipeline.run import Run
from mlc_data.recipe.align import Align
from mlc_data.recipe.recipe import Recipe

if TYPE_CHECKING:
    from mlc_data.align.train import Trained

_PAUSE = 0.1
"""Seconds between two looks at the processes."""

_PATIENCE = 45
"""Seconds that the agent has to end its processes; it kills them after 30."""

_TAIL = 20
"""Lines of a dead process's output that are shown."""


@dataclass(frozen=True)
class Task:
    """A training as its processes are told of it.

    Attributes:
        run: the run's folder, with sets and preference pairs.
        recipe: the run's recipe, with numbers instead of ``auto`` in its section ``align``.
        revision: commit of the model on the Hub.
        folder: for training checkpoints, and for what parent and children tell each other.
    """

    run: Path
    recipe: Recipe
    revision: str | None
    folder: Path

    def __post_init__(self) -> None:
        if "auto" in (self.recipe.align.processes, self.recipe.align.loss.layer):
            raise ValueError("processes and layer are decided before the training is launched")

    @property
    def desk(self) -> Path:
        """The folder through which parent and children talk."""
        return self.folder / "launch"

    @property
    def file(self) -> Path:
        """Where the task is written."""
        return self.desk / "task.json"

    @property
    def mark(self) -> Path:
        """By what processes of several machines see that they share the folder."""
        return self.desk / "mark"

    @property
    def events(self) -> Path:
        """What the first process tells, see `mlc_data.align.relay`."""
        return self.desk / "events.jsonl"

    @property
    def outcome(self) -> Path:
        """What came of it but for the weights, by the first process."""
        return self.desk / "outcome.json"

    @property
    def weights(self) -> Path:
        """The trained model without adapters, as `save_pretrained` writes it."""
        return self.desk / "model"

    def failure(self, rank: int | None = None) -> Path:
        """The error that a process ended with, or (None) which process ended first, by the agent."""
        return self.desk / f"failure{'' if rank is None else f'-{rank}'}.json"

    def text(self) -> str:
        """The task as JSON, for its processes to read."""
        told = {
            "run": str(self.run),
            "recipe": self.recipe.model_dump(mode="json"),
            "revision": self.revision,
            "folder": str(self.folder),
        }
        return json.dumps(told)

    def write(self) -> None:
        """Write the task for its processes to read."""
        write_text(self.file, self.text())

    @classmethod
    def read(cls, file: Path) -> Task:
        """A written task."""
        return cls.parse(file.read_text(encoding="utf-8"))

    @classmethod
    def parse(cls, text: str) -> Task:
        """A task from what `text` gave."""
        told = json.loads(text)
        recipe = Recipe.model_validate(told["recipe"])
        return cls(Path(told["run"]), recipe, told["revision"], Path(told["folder"]))


def decided(settings: Align) -> Align:
    """The settings with a number of processes instead of ``auto``: as many as were launched with this one
    (`mlc_data.align.launched`), else the visible GPUs, at least 1.

    Raises:
        UsageError: more processes than there are GPUs (without any GPU they share the CPU), or weights
            that are to be sharded over fewer than two; of launched ones see there.
    """
    if launch := launcher.found():
        return launched.decided(settings, launch)
    if settings.processes == 1:
        return settings
    import torch

    visible = torch.cuda.device_count()
    gpus = f"{visible} GPU{' is' if visible == 1 else 's are'} visible"
    if settings.sharding != "none" and visible < 2:
        raise UsageError(
            f"align.sharding is '{settings.sharding}', but {gpus}: weights are spread over at least two"
        )
    if settings.processes == "auto":
        return settings.model_copy(update={"processes": max(1, visible)})
    if visible and settings.processes > visible:
        raise UsageError(
            f"align.processes is {settings.processes}, but {gpus}: each process needs one of its own. With "
            "`auto` a finished training is taken as it is, however many trained it"
        )
    return settings


def train_together(run: Run, settings: Align, revision: str | None, folder: Path) -> Trained:
    """`mlc_data.align.train.train` by several processes; see `Trained` for what it gives.

    Args:
        run: the run whose sets and pairs are read.
        settings: its section ``align``, with numbers instead of ``auto``.
        revision: commit of the model on the Hub.
        folder: for training checkpoints.

    Returns:
        The model without adapters, on the CPU, in the type that it was trained in.

    Raises:
        StoppedError: asked to stop; the last step is saved in the folder.
        MlcDataError: a process ended with an error of ours, which is raised here, or died.
    """
    from mlc_data.align.train import Trained

    recipe = run.recipe.model_copy(update={"align": settings})
    task = Task(run.folder.resolve(), recipe, revision, folder.resolve())
    shutil.rmtree(task.desk, ignore_errors=True)
    task.desk.mkdir(parents=True)
    task.write()
    if launcher.found():
        launched.train_launched(task)
    else:
        _train_in_children(task)
    outcome: dict[str, Any] = json.loads(task.outcome.read_text(encoding="utf-8"))
    return Trained(model=_read_weights(task.weights), **outcome)


def _train_in_children(task: Task) -> None:
    """Start the processes on this machine and see them to their end."""
    with orderly_stop():
        code = _run(task)
        if code:
            raise _error(task, code)
        outcome: dict[str, Any] = json.loads(task.outcome.read_text(encoding="utf-8"))
        if "stopped" in outcome:
            raise StoppedError(outcome["stopped"])
        if stop_requested():
            raise StoppedError(
                f"stopped after step {outcome['steps']} of {outcome['steps']}, which is saved: run "
                "the same command again to go on from there"
            )


def _run(task: Task) -> int:
    """Let the processes run to their end; the agent's exit status.

    Whatever happens here, none of them is left: they end when their input does.
    """
    relay = Relay(task.events)
    with (task.desk / "agent.log").open("wb") as output:
        agent = subprocess.Popen(
            # -P: nothing in the user's folder is imported by chance.
            [sys.executable, "-P", "-m", "mlc_data.align.agent", str(task.file)],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_environment(task),
            start_new_session=True,  # Ctrl-C comes here first, and reaches them in order
        )
        assert agent.stdin is not None
        try:
            while agent.poll() is None:
                relay.show()
                if stop_requested():
                    _ask_to_stop(agent)
                time.sleep(_PAUSE)
            relay.show()
        finally:
            relay.close()
            agent.stdin.close()
            _end(agent)
    return agent.returncode


def _ask_to_stop(agent: subprocess.Popen[bytes]) -> None:
    """One process reads it and asks the others. It may be too early for it to be heeded, so this is
    said until they end."""
    assert agent.stdin is not None
    try:
        agent.stdin.write(b"stop\n")
    except BrokenPipeError:
        return  # they have ended meanwhile


def _end(agent: subprocess.Popen[bytes]) -> None:
    if agent.poll() is None:
        agent.send_signal(signal.SIGTERM)
        try:
            agent.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            agent.kill()
            agent.wait()


def _environment(task: Task) -> dict[str, str]:
    package = str(Path(errors.__file__).parent.parent)
    path = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    threads = max(1, (os.cpu_count() or 1) // int(task.recipe.align.processes))
    return {
        "OMP_NUM_THREADS": str(threads),
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path),
    }


def _error(task: Task, code: int) -> MlcDataError:
    """The error that the user sees: ours where a process raised one, or how the first one died."""
    total = int(task.recipe.align.processes)
    for rank in range(total):
        if task.failure(rank).is_file():
            told = json.loads(task.failure(rank).read_text(encoding="utf-8"))
            kind: type[MlcDataError] = getattr(errors, told["kind"])
            return kind(told["message"])
    if not task.failure().is_file():
        tail = _tail(task.desk / "agent.log")
        return MlcDataError(f"the training's processes could not be run (exit status {code}){tail}")
    first = json.loads(task.failure().read_text(encoding="utf-8"))
    rank, status = first["rank"], first["exit_status"]
    how = f"exit status {status}"
    if status < 0:
        how = f"killed by {signal.Signals(-status).name}"
        if -status == signal.SIGKILL:
            how += ", perhaps because memory ran out"
    output = next(task.desk.glob(f"logs/*/attempt_0/{rank}/stderr.log"), None)
    return MlcDataError(
        f"process {rank} of {total} (counted from 0) of the training died: {how}. What it said last:"
        f"{_tail(output) or ' nothing'}\nThe last saved step is kept: run the same command again to "
        "go on from there"
    )


def _tail(file: Path | None) -> str:
    if file is None or not file.is_file():
        return ""
    with file.open(encoding="utf-8", errors="replace") as handle:
        return "".join(f"\n  {line.rstrip()}" for line in deque(handle, maxlen=_TAIL))


def _read_weights(folder: Path) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        folder, dtype="auto", use_safetensors=True, trust_remote_code=False
    )
