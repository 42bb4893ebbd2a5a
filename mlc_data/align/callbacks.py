"""A training's figures as TensorBoard event files, which go on where a stopped training goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

BOARD = "tensorboard"
"""Folder of TensorBoard's event files in a run. Not an output: nothing is read from it."""

Choose = Callable[[Mapping[str, Any]], Mapping[str, float]]
"""Given a logged row, the figures that are written."""


class Board(TrainerCallback):  # type: ignore[misc]
    """Writes each logged row at its step; every row is on disk before the next step begins."""

    def __init__(self, writer: Any, choose: Choose) -> None:
        self.writer = writer
        self.choose = choose

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any], **_: Any
    ) -> None:
        """Called by the trainer with a row of figures."""
        if "loss" not in logs:
            return
        for name, value in self.choose(logs).items():
            self.writer.add_scalar(name, value, state.global_step)
        self.writer.flush()


@contextmanager
def board(folder: Path, done: int, choose: Choose) -> Iterator[Board]:
    """A callback that writes to a folder.

    Args:
        folder: made if it does not exist.
        done: the step that the training goes on after. What a killed training had written of later steps
            is hidden by TensorBoard, so that no step stands there twice.
        choose: see `Choose`.
    """
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder), purge_step=done + 1 if done else None)
    try:
        yield Board(writer, choose)
    finally:
        writer.close()
