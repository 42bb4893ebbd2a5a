"""One training by several ranks: those of a launcher, or ranks that torch starts on this machine."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import shutil
import signal
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, Std
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from mlc_data import errors
from mlc_data.align.callbacks import TENSORBOARD_FOLDER
from mlc_data.align.checkpoint import read_trained
from mlc_data.align.distributed.environment import current_rank
from mlc_data.align.distributed.task import RESUME, STOP_FILE, Task
from mlc_data.align.distributed.worker import broadcast_task, run_worker, train_rank
from mlc_data.align.stopping import orderly_stop, stop_requested
from mlc_data.align.train import DATASETS, Trained
from mlc_data.core.child_output import ChildOutput
from mlc_data.pipeline.run import Run
from mlc_data.recipe.align import Align


def train_distributed(run: Run, settings: Align, revision: str | None, folder: Path) -> Trained:
    """Train as `mlc_data.align.train.train` does; the returned model has no adapters and is on the CPU.

    Args:
        run: the run whose sets and pairs are read.
        settings: its section ``align``, with numbers in place of ``auto``.
        revision: commit of the model on the Hub.
        folder: folder of the training checkpoints.

    Raises:
        StoppedError: a stop was requested; the last step is saved in the folder.
        MlcDataError: a rank failed or died.
    """
    task = Task(
        run=run.folder.resolve(), recipe=run.recipe.model_copy(update={"align": settings}),
        revision=revision, folder=folder.resolve(), tensorboard=run.path(TENSORBOARD_FOLDER).resolve(),
        launch_id=str(uuid.uuid4()),
    )  # fmt: skip
    # Also the pairs that a former launch has written down: nothing says whether they are whole.
    for former in (task.launch_dir, *(folder / name for name in DATASETS)):
        shutil.rmtree(former, ignore_errors=True)
    task.launch_dir.mkdir(parents=True)
    if current_rank():
        task.shared_fs_marker.write_text(task.state(), encoding="utf-8")
        broadcast_task(task.model_dump_json())
        train_rank(task)
        gc.collect()  # what the trainer held on the GPU
    else:
        _launch(task)
    return read_trained(task.launch_dir, settings, revision)


def _launch(task: Task) -> None:
    """Run the ranks as children of this process, and show rank 0's log and progress."""
    config = LaunchConfig(
        min_nodes=1, max_nodes=1, nproc_per_node=int(task.recipe.align.processes), max_restarts=0,
        rdzv_backend="c10d", rdzv_endpoint="localhost:0", local_addr="localhost", run_id=task.launch_id,
        start_method="spawn", logs_specs=DefaultLogsSpecs(str(task.launch_dir / "logs"), Std.ALL),
    )  # fmt: skip
    for name in ("torch.distributed.elastic", "torch.multiprocessing"):  # our error is shorter
        logging.getLogger(name).addHandler(logging.NullHandler())
        logging.getLogger(name).propagate = False
    sys.warnoptions.append("ignore:resource_tracker")  # it reports the semaphores of a killed rank
    queue, before = multiprocessing.get_context("spawn").Queue(), multiprocessing.active_children()
    pool = ThreadPoolExecutor(1, initializer=_block_interrupts)
    with orderly_stop(), ChildOutput(queue) as output, pool:
        ranks = pool.submit(elastic_launch(config, run_worker), task, queue)
        try:
            while wait([ranks], timeout=0.1).not_done:
                output.show()
                if stop_requested():
                    (task.launch_dir / STOP_FILE).touch()
        finally:
            while not ranks.done():  # a second Ctrl-C
                for child in set(multiprocessing.active_children()).difference(before):
                    child.kill()
                wait([ranks], timeout=0.1)
        output.show()
        try:
            ranks.result()
        except ChildFailedError as failed:
            raise _error(failed, task) from None
        if stop_requested():
            raise errors.StoppedError(f"stopped after the last step. {RESUME}")


def _block_interrupts() -> None:
    """Keep Ctrl-C from the ranks, which inherit this thread's signal mask: the stop file stops them."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _error(failed: ChildFailedError, task: Task) -> errors.MlcDataError:
    """Return the exception of the rank that failed first, or an error that says how it ended."""
    rank, failure = failed.get_first_failure()
    message: Any = failure.message
    if isinstance(message, dict):  # an exception that torch recorded
        name, _, text = message["message"].partition(": ")
        kind = getattr(errors, name, None)
        if isinstance(kind, type) and issubclass(kind, errors.MlcDataError):
            return kind(text)
        reason = f"failed with {name}: {text}"
    elif failure.exitcode < 0:
        hint = ", perhaps because memory ran out" if failure.signal_name() == "SIGKILL" else ""
        reason = f"was killed by {failure.signal_name()}{hint}"
    else:
        reason = f"exited with code {failure.exitcode}"
    ranks, logs = task.recipe.align.processes, task.launch_dir / "logs"
    return errors.MlcDataError(f"rank {rank} of {ranks} {reason}. Its output: {logs}. {RESUME}")
