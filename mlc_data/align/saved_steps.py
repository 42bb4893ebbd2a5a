"""Saved steps of a training: complete and durable once sealed, and not gone on from where they were harmed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from mlc_data.core.files import remove_folder
from mlc_data.core.memory import is_out_of_memory
from mlc_data.core.seals import SEAL_FILE, damage
from mlc_data.errors import StoppedError, UnusableStepError, first_line, is_disk_full

log = logging.getLogger(__name__)


def step_of(checkpoint: Path) -> int:
    """Return the step after which a training checkpoint was saved."""
    return int(checkpoint.name.rpartition("-")[2])


def last_complete(folder: Path) -> Path | None:
    """Return the newest complete training checkpoint in a folder, if any."""
    complete = [path.parent for path in folder.glob(f"checkpoint-*/{SEAL_FILE}")]
    return max(complete, key=step_of, default=None)


def remove_damaged(folder: Path) -> None:
    """Remove training checkpoints that are incomplete or not as they were sealed, and say so."""
    for checkpoint in sorted(folder.glob("checkpoint-*")):
        if not (checkpoint / SEAL_FILE).is_file():
            remove_folder(checkpoint)
        elif (reason := damage(checkpoint)) is not None:
            log.warning(
                "align: the saved step %s is not used: %s; training resumes from an earlier one, or starts over",
                checkpoint, reason,
            )  # fmt: skip
            remove_folder(checkpoint)


@contextmanager
def loading(saved: Path | None, begun: Callable[[], bool]) -> Iterator[None]:
    """Explain an error that comes from a saved step: one before the first step, whatever libraries raise.

    Memory that does not suffice, a full disk, or files that may not be read are no fault of the step.

    Args:
        saved: the step that the training resumes from, if any.
        begun: returns whether a step has begun since.

    Raises:
        UnusableStepError: the saved step cannot be loaded.
    """
    try:
        yield
    except StoppedError:
        raise
    except Exception as error:
        outside = isinstance(error, OSError) and not isinstance(error, FileNotFoundError)
        if saved is None or begun() or outside or is_out_of_memory(error) or is_disk_full(error):
            raise
        raise UnusableStepError(
            f"the saved step {saved} cannot be loaded: {type(error).__name__}: {first_line(error)}"
        ) from error
