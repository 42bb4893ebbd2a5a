"""Training as one rank: of a launcher, or spawned by `mlc_data.align.distributed.launch`."""

from __future__ import annotations

import multiprocessing
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import torch
from accelerate import PartialState
from torch import distributed
from torch.distributed.elastic.multiprocessing.errors import record

from mlc_data.align.checkpoint import gathered, write_trained
from mlc_data.align.data import load, read_inputs
from mlc_data.align.distributed.environment import Rank
from mlc_data.align.distributed.task import RESUME, STOP_FILE, Task
from mlc_data.align.job import Job
from mlc_data.align.processes import check_rank
from mlc_data.align.stopping import request_stop
from mlc_data.align.train import Trained, train
from mlc_data.core.child_output import send_output
from mlc_data.errors import MlcDataError, StoppedError
from mlc_data.lm.loading import quiet
from mlc_data.lm.prompt_format import PromptFormat
from mlc_data.pipeline.run import Run

_LOST_CONNECTION = re.compile(
    "gloo|nccl|connection (closed|reset)|broken pipe|failed to recv", re.I
)


def run_worker(task: Task, output: Any) -> None:
    """Train as a spawned rank; rank 0 sends its log and progress into the queue ``output``."""
    threading.Thread(target=_watch_parent, args=(task,), daemon=True).start()
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) // int(os.environ["WORLD_SIZE"])))
    if os.environ["RANK"] == "0":
        send_output(output)
    train_rank(task, delay=10)  # the parent sees first the rank that died


def join_training(rank: Rank) -> None:
    """Train as a rank of a launcher other than 0; return at once if nothing is trained.

    Raises:
        MlcDataError: the training failed; `UsageError` if this machine does not fit the launch.
    """
    with _peer_errors():
        text = broadcast_task()
    if text:
        task = Task.model_validate_json(text)
        check_rank(rank, task.recipe.align)
        task.check_shared_folder(rank)
        with suppress(StoppedError):  # rank 0 reports it
            train_rank(task)


def broadcast_task(text: str = "") -> str:
    """Return rank 0's text on every rank: a task as JSON, or an empty text if nothing is trained."""
    PartialState(cpu=not torch.cuda.is_available(), timeout=timedelta(minutes=30))
    texts = [text]
    distributed.broadcast_object_list(texts)
    return texts[0]


@record
def train_rank(task: Task, delay: float = 0) -> None:
    """Train as one rank; rank 0 writes the result. torch records an exception for the launcher.

    Raises:
        MlcDataError: see `mlc_data.align.train.train`; the connection to another rank was lost.
    """
    with _peer_errors(delay), quiet():
        train_and_write(task)
    distributed.destroy_process_group()


@contextmanager
def _peer_errors(delay: float = 0) -> Iterator[None]:
    """Raise a lost connection, after ``delay`` seconds, as an error that says what it means."""
    try:
        yield
    except RuntimeError as error:
        if not _LOST_CONNECTION.search(str(error)):
            raise
        time.sleep(delay)
        raise MlcDataError(
            f"rank {os.environ['RANK']} of {os.environ['WORLD_SIZE']} lost the connection to another rank, which "
            f"probably failed or was killed (torch: {str(error).splitlines()[0]}). {RESUME}"
        ) from error


def train_and_write(task: Task) -> None:
    """Train within the ranks' process group, and let rank 0 write the result."""
    trained = train_share(task)
    model = gathered(trained.model, task.recipe.align, task.revision)
    if distributed.get_rank() == 0:
        write_trained(task.launch_dir, trained, model, task.recipe.align, task.revision)


def train_share(task: Task) -> Trained:
    """Return what this rank trained: the whole model, or its share of a sharded one."""
    loaded = load(task.recipe.align, task.revision)
    inputs = read_inputs(Run(task.recipe, task.run), PromptFormat(loaded.tokenizer))
    return train(Job.of(task.recipe, loaded, inputs, task.folder, task.tensorboard))


def _watch_parent(task: Task) -> None:
    """Stop after the current step when the parent asks for it; exit if the parent is gone."""
    parent = multiprocessing.parent_process()
    while parent is not None and parent.is_alive():
        if (task.launch_dir / STOP_FILE).exists():
            request_stop()
        time.sleep(0.2)
    os._exit(1)
