"""The number of training processes, and checks of GPUs and launcher against it and the recipe."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from mlc_data.align.distributed.environment import LAUNCH_COMMAND, Rank, current_rank
from mlc_data.errors import UsageError
from mlc_data.recipe.align import Align

_SETTINGS = ("ACCELERATE_", "FSDP_")
"""Begin the names of environment variables with which a launcher configures accelerate."""


@contextmanager
def launcher_settings_kept() -> Iterator[None]:
    """Restore accelerate's environment variables: training sets them, and they would look like a launcher's."""
    before = {name: value for name, value in os.environ.items() if name.startswith(_SETTINGS)}
    try:
        yield
    finally:
        for name in [name for name in os.environ if name.startswith(_SETTINGS)]:
            del os.environ[name]
        os.environ.update(before)


def resolve_processes(settings: Align) -> Align:
    """Return the settings with a number of processes in place of ``auto``.

    ``auto`` becomes the number of launched ranks; outside a launch the number of visible GPUs, at least 1.

    Raises:
        UsageError: another number was launched, some GPUs are missing (without any, the processes share
            the CPU), or accelerate's configuration contradicts the recipe.
    """
    processes = settings.processes
    if rank := current_rank():
        if rank.rank:
            raise UsageError(
                f"{rank} cannot run the stage itself, launch the command: {LAUNCH_COMMAND}"
            )
        if processes not in ("auto", rank.world_size):
            raise UsageError(
                f"align.processes is {processes}, but {rank.world_size} processes were launched: set it to auto "
                f"(--set align.processes=auto) or {rank.world_size}, or launch {processes}"
            )
        check_rank(rank, settings)
        return settings.model_copy(update={"processes": rank.world_size})
    if processes == 1:
        return settings
    gpus = _visible_gpus()
    if settings.sharding != "none" and gpus < 2:
        raise UsageError(f"align.sharding: fsdp needs at least two GPUs, but {gpus} are visible")
    if processes == "auto":
        return settings.model_copy(update={"processes": max(1, gpus)})
    if 0 < gpus < processes:
        raise UsageError(
            f"align.processes is {processes}, each on a GPU of its own, but {gpus} are visible. With "
            "`auto` a finished training is reused, whatever its number of processes"
        )
    return settings


def check_rank(rank: Rank, settings: Align, environment: Mapping[str, str] = os.environ) -> None:
    """Check that a rank has a GPU, and that accelerate's options do not change the training.

    Raises:
        UsageError: see `resolve_processes`.
    """
    if 0 < (gpus := _visible_gpus()) <= rank.local_rank:
        raise UsageError(f"{rank} has no GPU of its own: {gpus} are visible there")
    features = ("FSDP", "DEEPSPEED", "MEGATRON_LM", "PARALLELISM_CONFIG")
    switches = {name: environment.get(f"ACCELERATE_USE_{name}", "") for name in features}
    options = [name for name, value in switches.items() if value.lower() in ("true", "1")]
    precision = environment.get("ACCELERATE_MIXED_PRECISION", "no").lower()
    if precision not in ("no", "bf16" if settings.dtype == "bfloat16" else "no"):
        options.append(f"--mixed_precision {precision}")
    if environment.get("ACCELERATE_DYNAMO_BACKEND", "no").lower() != "no":
        options.append("--dynamo_backend")
    if options:
        raise UsageError(
            f"accelerate is configured with {', '.join(options)}, but the recipe decides (align.sharding is "
            f"'{settings.sharding}', align.dtype '{settings.dtype}'): launch with --multi_gpu --mixed_precision no "
            "--dynamo_backend no, and without a configuration file that says otherwise"
        )


def _visible_gpus() -> int:
    import torch

    return torch.cuda.device_count()
