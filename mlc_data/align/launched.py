"""Training by processes that a launcher started with the same command, on one machine or several.

The first of them does the stage as one process alone would, but for the training itself; the others wait for
it, train along, and wait until it is done. torchrun, `accelerate launch` and Slurm do not matter here: see
`mlc_data.launcher`.
"""

from __future__ import annotations

import gc
import logging
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mlc_data import launcher
from mlc_data.align.wire import Failure, Wire, connected
from mlc_data.errors import MlcDataError, StoppedError, UsageError
from mlc_data.launcher import Launch
from mlc_data.recipe.align import Align

if TYPE_CHECKING:
    from mlc_data.align.launch import Task

log = logging.getLogger(__name__)

_SHOWN = 180
"""Seconds until a file that one machine wrote must be seen by all."""

_wire: Wire | None = None
"""The first process's, while it leads."""


def decided(settings: Align, launch: Launch) -> Align:
    """The settings with the number of launched processes instead of ``auto``.

    Raises:
        UsageError: the recipe names another number, they find too few GPUs on this machine, or accelerate was told
            something besides the recipe.
    """
    if settings.processes not in ("auto", launch.size):
        raise UsageError(
            f"align.processes is {settings.processes}, but {launch.size} processes were launched: set it to auto "
            f"(--set align.processes=auto) or {launch.size}, or launch {settings.processes}"
        )
    _check_gpus(launch)
    launcher.check_accelerate(settings.sharding, settings.dtype)
    return settings.model_copy(update={"processes": launch.size})


@contextmanager
def leading(launch: Launch) -> Iterator[None]:
    """What the first process does goes in here: the others are told how it ends, whatever that is."""
    global _wire
    with connected(launch) as wire:
        _wire = wire
        try:
            yield
            wire.tell("done")
        except BaseException as error:
            wire.fail(error)
            raise
        finally:
            _wire = None


def train_launched(task: Task) -> None:
    """The first process's share of a training; the others are told of it.

    Raises:
        UsageError: this process was launched, but not by the command ``align``.
        StoppedError: a process was asked to stop; the last step is saved.
        MlcDataError: a process ended with an error, or died.
    """
    if _wire is None:
        raise UsageError(
            "this process is one of several that were launched, and they are led by the command `align` "
            f"alone: {launcher.HOW}"
        )
    from mlc_data.align.train import last_complete
    from mlc_data.align.worker import share

    wire = _wire
    mark = str(uuid.uuid4())
    task.mark.write_text(mark, encoding="utf-8")
    saved = last_complete(task.folder)
    if wire.failure:  # while the stages before this one were done
        raise wire.failure.error
    wire.tell("task", {"task": task.text(), "mark": mark, "saved": saved.name if saved else None})
    with wire.training():
        share(task, 0)
        _leave_group()
    gc.collect()  # the trainer, and what it holds on the GPU


def follow(launch: Launch) -> int:
    """Wait for the first process, train along if there is something to train; the exit status.

    The error of a launch is shown by its first process, and once on each other machine.

    Raises:
        MlcDataError: the first process does not know of it.
    """
    with connected(launch) as wire:
        log.info("%s (on %s) waits for the first one", launch, socket.gethostname())
        wire.wait(lambda: wire.told("task") or wire.told("done"))
        told = None if wire.failure else wire.told("task")
        if told is not None:
            try:
                _train_along(wire, told)
            except StoppedError:
                log.debug("stopped in order, as the first process will tell")
            except BaseException as error:
                heard = wire.fail(error)
                if heard and isinstance(error, MlcDataError):
                    return _end(launch, wire.failure or Failure(0, "MlcDataError", str(error)))
                raise
        wire.wait(lambda: wire.told("done"))
        if wire.failure:
            return _end(launch, wire.failure)
        if told is None:
            log.info("%s: nothing had to be trained", launch)
    return 0


def _train_along(wire: Wire, told: dict[str, str | None]) -> None:
    from mlc_data.align.launch import Task
    from mlc_data.align.train import last_complete
    from mlc_data.align.worker import share

    _check_gpus(wire.launch)
    text, mark, name = told["task"], told["mark"], told["saved"]
    assert text is not None
    task = Task.parse(text)
    launcher.check_accelerate(task.recipe.align.sharding, task.recipe.align.dtype)

    def seen() -> bool:
        if not task.mark.is_file() or task.mark.read_text(encoding="utf-8") != mark:
            return False
        saved = last_complete(task.folder)
        return (saved.name if saved else None) == name

    if not wire.wait(seen, _SHOWN):
        if wire.failure:
            raise wire.failure.error
        raise UsageError(
            f"{wire.launch} (counted from 0), on {socket.gethostname()}, does not see in {task.folder} what the first "
            "one wrote there: all machines need the run's folder under the same path, on a shared file system"
        )
    log.info("%s (on %s) trains along", wire.launch, socket.gethostname())
    with wire.training():
        share(task, wire.launch.rank)
        _leave_group()


def _end(launch: Launch, failure: Failure) -> int:
    """The exit status after a failure that the first process knows of."""
    error = failure.error
    if failure.rank is None:
        raise error
    if launch.speaks:
        log.error("%s ends, because the launch did: %s", launch, error)
    return error.exit_code


def _leave_group() -> None:
    from torch import distributed

    if distributed.is_initialized():
        distributed.destroy_process_group()


def _check_gpus(launch: Launch) -> None:
    import torch

    visible = torch.cuda.device_count()
    if visible and launch.local_size is not None and launch.local_size > visible:
        raise UsageError(
            f"{launch.local_size} processes were launched on {socket.gethostname()}, but {visible} GPUs are visible "
            "there: each process needs one of its own"
        )
