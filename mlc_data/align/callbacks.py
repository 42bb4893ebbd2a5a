"""A training's figures as TensorBoard event files, which continue when a stopped training resumes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

TENSORBOARD_FOLDER = "tensorboard"
"""Folder of TensorBoard's event files in a run. Not an output: nothing is read from it."""

Choose = Callable[[Mapping[str, Any]], Mapping[str, float]]
"""Function from a logged row to the figures that are written."""


class TensorBoardCallback(TrainerCallback):  # type: ignore[misc]
    """Writes each logged row at its step; every row is on disk before the next step begins."""

    def __init__(self, writer: Any, choose: Choose) -> None:
        self.writer = writer
        self.choose = choose

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any], **_: Any
    ) -> None:
        """Write a row of figures; called by the trainer."""
        if "loss" not in logs:
            return
        for name, value in self.choose(logs).items():
            self.writer.add_scalar(name, value, state.global_step)
        self.writer.flush()


@contextmanager
def tensorboard_callback(folder: Path, done: int, choose: Choose) -> Iterator[TensorBoardCallback]:
    """Yield a callback that writes to a folder.

    Args:
        folder: created if it does not exist.
        done: step after which the training resumes. TensorBoard hides what a killed training wrote of later
            steps, so that no step appears twice.
        choose: see `Choose`.
    """
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder), purge_step=done + 1 if done else None)
    try:
        yield TensorBoardCallback(writer, choose)
    finally:
        writer.close()
