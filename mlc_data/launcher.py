"""Whether this process is one of several that a launcher started with the same command.

torchrun, `accelerate launch` and others tell each process by the environment who it is.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from mlc_data.errors import UsageError

HOW = "accelerate launch ... -m mlc_data align RUN"


@dataclass(frozen=True)
class Launch:
    """This process among those of the launch.

    Attributes:
        rank: its number among all, from 0.
        size: how many there are, on all machines together; at least 2.
        local_rank: its number on its machine, from 0.
        local_size: how many there are on its machine, if the launcher tells.
        address: where the first process, or its launcher, is reached.
    """

    rank: int
    size: int
    local_rank: int
    local_size: int | None
    address: str

    @property
    def speaks(self) -> bool:
        """Whether errors are shown by this process: the first of each machine shows them."""
        return self.local_rank == 0

    def __str__(self) -> str:
        return f"process {self.rank} of {self.size}"


def found(environment: Mapping[str, str] = os.environ) -> Launch | None:
    """The launch that this process belongs to; None if it was started alone.

    Raises:
        UsageError: the launcher tells too little, or what it tells is not understood.
    """
    if not {"RANK", "WORLD_SIZE", "MASTER_ADDR"} <= environment.keys():
        return None
    numbers: dict[str, int | None] = {}
    for name in ("WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_PORT", "LOCAL_WORLD_SIZE"):
        told = environment.get(name)
        if told is not None and not told.isdecimal():
            raise UsageError(f"{name} is {told!r} in the environment: a launcher sets a number")
        numbers[name] = None if told is None else int(told)
        if numbers["WORLD_SIZE"] == 1:
            return None
    size, rank, local_rank, port, local_size = numbers.values()
    if size is None or rank is None or local_rank is None or port is None:
        raise UsageError(
            f"WORLD_SIZE is {size}, which says that several processes were launched, but LOCAL_RANK or "
            f"MASTER_PORT is not set: use torchrun or accelerate ({HOW}), or unset WORLD_SIZE"
        )
    if rank >= size:
        raise UsageError(f"RANK is {rank} and WORLD_SIZE {size}: ranks are counted from 0")
    return Launch(rank, size, local_rank, local_size, f"{environment['MASTER_ADDR']}:{port}")


def refuse(command: str) -> None:
    """Refuse a command that several launched processes would each do.

    Raises:
        UsageError: this is one of them.
    """
    if launch := found():
        raise UsageError(
            f"`mlc-data {command}` was launched {launch.size} times, and all would work in one folder. Only `align` "
            f"is made for it: build first (`mlc-data sets RECIPE`, started once), then {HOW}"
        )


def check_accelerate(
    sharding: str, dtype: str, environment: Mapping[str, str] = os.environ
) -> None:
    """Refuse what accelerate was told besides the recipe that would change the training.

    Args:
        sharding: the recipe's ``align.sharding``.
        dtype: the recipe's ``align.dtype``.
        environment: as `accelerate launch` sets it.

    Raises:
        UsageError: its options or its configuration ask for something else than the recipe.
    """
    for what in ("FSDP", "DEEPSPEED", "MEGATRON_LM", "PARALLELISM_CONFIG"):
        if environment.get(f"ACCELERATE_USE_{what}", "false").lower() in ("true", "1"):
            raise UsageError(
                f"accelerate was told to use {what}, but how weights are held is the recipe's align.sharding (it "
                f"is '{sharding}'): launch with --multi_gpu, without a configuration that says otherwise"
            )
    precision = environment.get("ACCELERATE_MIXED_PRECISION", "no").lower()
    if precision not in ("no", "bf16" if dtype == "bfloat16" else "no"):
        raise UsageError(
            f"accelerate was told --mixed_precision {precision}, but the recipe's align.dtype is '{dtype}', which "
            "decides: launch with --mixed_precision no"
        )
    compiler = environment.get("ACCELERATE_DYNAMO_BACKEND", "no")
    if compiler.lower() != "no":
        raise UsageError(
            f"accelerate was told --dynamo_backend {compiler}, which would change what is trained: launch with "
            "--dynamo_backend no"
        )
