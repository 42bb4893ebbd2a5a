"""Rows of `mlc-data doctor` on what a recipe needs of this machine: memory, and GPUs for its processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from mlc_data.core.extras import explain_missing_extra
from mlc_data.errors import MlcDataError
from mlc_data.recipe.recipe import Recipe

Row = tuple[str, str, bool]
"""Subject, finding, and True if it is good."""

_GB = 1e9


@dataclass(frozen=True)
class Memory:
    """Memory that work can use: that of the smallest visible GPU, else of the machine.

    Attributes:
        device: ``cuda`` or ``cpu``.
        bytes: its size.
        name: what it is, for the user.
    """

    device: str
    bytes: float
    name: str


def needs(recipe: Recipe) -> Iterator[Row]:
    """Yield rows on memory and processes; one row with the reason where an extra is missing."""
    try:
        with explain_missing_extra():
            yield from _memory(recipe)
            yield _processes(recipe)
    except MlcDataError as error:
        yield "memory", str(error), False


def available_memory(*, gpu: bool = True) -> Memory:
    """Return the memory of the smallest visible GPU, else that of the machine; without ``gpu`` the latter."""
    import torch

    whole = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    if not gpu:
        return Memory("cpu", whole, "this machine")
    gpus = [torch.cuda.get_device_properties(index) for index in range(torch.cuda.device_count())]
    if gpus:
        smallest = min(gpus, key=lambda gpu: gpu.total_memory)
        return Memory("cuda", float(smallest.total_memory), str(smallest.name))
    return Memory("cpu", whole, "this machine, which has no GPU,")


def _memory(recipe: Recipe) -> Iterator[Row]:
    """Yield estimates of `mlc-data plan` against the memory that is there."""
    from mlc_data.core.offline import offline
    from mlc_data.plan.memory import training_memory, translation_memory
    from mlc_data.plan.models import find_models, shape_of

    trainer = available_memory()
    translator = available_memory(gpu=recipe.translate.device != "cpu")
    with offline():
        models = find_models(recipe)
        shape = shape_of(next(model for model in models if model.role == "base"))
    trained = training_memory(recipe, shape, trainer.device) if shape else None
    translated = translation_memory(recipe, models, translator.device)
    needs = [("training", trained, trainer)]
    if recipe.translate.has_engine:
        needs.append(("translation", translated, translator))
    for what, need, there in needs:
        if need is None:
            yield (
                f"memory, {what}",
                f"unknown need; {there.name} has {there.bytes / _GB:,.1f} GB",
                True,
            )
            continue
        text = f"needs {need.bytes / _GB:,.1f} GB (estimate); {there.name} has {there.bytes / _GB:,.1f} GB"
        yield f"memory, {what}", text, need.bytes <= there.bytes


def _processes(recipe: Recipe) -> Row:
    """Return whether the GPUs are as many as the recipe's processes, and can talk to each other."""
    import torch

    from mlc_data.align.processes import resolve_processes

    gpus = torch.cuda.device_count()
    try:
        number = int(resolve_processes(recipe.align).processes)
    except MlcDataError as error:
        return "training processes", str(error), False
    if number > 1 and gpus and not torch.distributed.is_nccl_available():
        return "training processes", f"{number} on {gpus} GPUs need NCCL, which torch lacks", False
    how = f"{gpus} GPUs" if gpus else "the CPU"
    return "training processes", f"{number} on {how}, sharding {recipe.align.sharding}", True
