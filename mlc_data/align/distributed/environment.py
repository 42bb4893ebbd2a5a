"""Ranks that torchrun, accelerate or Slurm started, as their environment variables describe them."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import NamedTuple

from mlc_data.errors import UsageError

LAUNCH_COMMAND = "accelerate launch ... -m mlc_data align RUN"


class Rank(NamedTuple):
    """This process among the ranks of a launch; ``local_rank`` is its number on this machine."""

    rank: int
    world_size: int
    local_rank: int

    def __str__(self) -> str:
        return f"rank {self.rank} of {self.world_size} (on {socket.gethostname()})"


def current_rank(environment: Mapping[str, str] = os.environ) -> Rank | None:
    """Return this process's rank; None outside a launch, and in a launch of one process.

    Raises:
        UsageError: a variable of the launcher is missing, or is not a number.
    """
    if environment.get("WORLD_SIZE", "1") == "1" or not {"RANK", "MASTER_ADDR"} <= {*environment}:
        return None
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_PORT")
    if wrong := [name for name in names if not environment.get(name, "").isdecimal()]:
        raise UsageError(
            f"WORLD_SIZE is set, as a launcher does, but {' and '.join(wrong)} is not a number: start the command "
            f"with torchrun or accelerate ({LAUNCH_COMMAND}), or unset WORLD_SIZE"
        )
    return Rank(*(int(environment[name]) for name in names[:3]))
