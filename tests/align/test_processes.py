"""The number of processes that train, checked against GPUs, launcher and accelerate's options."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from pydantic import ValidationError

from mlc_data.align import processes
from mlc_data.align.distributed.environment import Rank
from mlc_data.align.processes import check_rank, resolve_processes
from mlc_data.align.stage import AlignStage
from mlc_data.errors import UsageError
from mlc_data.pipeline.run import Run
from mlc_data.recipe.align import Align, Loss

FOUR = Align(model="x", processes=4)
AUTO = Align(model="x", processes="auto")
SHARDED = Align(model="x", processes="auto", sharding="fsdp", loss=Loss(extractor="none"))
RANK = Rank(rank=0, world_size=16, local_rank=0)


def see_gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process be rank 0 of 16."""
    monkeypatch.setattr(processes, "current_rank", lambda: RANK)


@pytest.mark.parametrize(("gpus", "resolved"), [(0, 1), (1, 1), (8, 8)])
def test_auto_is_one_process_a_gpu(
    monkeypatch: pytest.MonkeyPatch, gpus: int, resolved: int
) -> None:
    see_gpus(monkeypatch, gpus)
    assert resolve_processes(AUTO).processes == resolved


def test_processes_share_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    see_gpus(monkeypatch, 0)
    assert resolve_processes(FOUR).processes == 4


def test_each_process_needs_a_gpu(
    monkeypatch: pytest.MonkeyPatch, make_run: Callable[..., Run]
) -> None:
    see_gpus(monkeypatch, 2)
    with pytest.raises(UsageError, match=r"processes is 4, .* but 2 are visible"):
        AlignStage().preflight(make_run(processes=4))


def test_sharding_needs_two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    see_gpus(monkeypatch, 1)
    with pytest.raises(UsageError, match="at least two GPUs, but 1 are visible"):
        resolve_processes(SHARDED)


def test_sharding_needs_processes() -> None:
    with pytest.raises(ValidationError, match="set `processes`"):
        Align(model="x", sharding="fsdp")


def test_sharding_needs_a_frozen_extractor() -> None:
    with pytest.raises(ValidationError, match="goes with"):
        Align(model="x", sharding="fsdp", processes=2)


@pytest.mark.usefixtures("launched")
@pytest.mark.parametrize("number", ["auto", 16])
def test_launched_number_is_taken(number: int) -> None:
    assert resolve_processes(Align(model="x", processes=number)).processes == 16


@pytest.mark.usefixtures("launched")
def test_other_number_than_launched_is_refused() -> None:
    with pytest.raises(UsageError, match=r"is 4, but 16 processes .* align\.processes=auto"):
        resolve_processes(FOUR)


def test_stage_is_not_run_by_other_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "current_rank", lambda: Rank(1, 16, 1))
    with pytest.raises(UsageError, match=r"rank 1 of 16 .* cannot run the stage itself"):
        resolve_processes(AUTO)


def test_rank_without_a_gpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    see_gpus(monkeypatch, 4)
    with pytest.raises(UsageError, match=r"rank 5 of 16 .* no GPU of its own: 4 are visible"):
        check_rank(Rank(rank=5, world_size=16, local_rank=5), AUTO)


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("ACCELERATE_USE_FSDP", "true", "FSDP"),
        ("ACCELERATE_USE_DEEPSPEED", "true", "DEEPSPEED"),
        ("ACCELERATE_MIXED_PRECISION", "fp16", "--mixed_precision fp16"),
        ("ACCELERATE_MIXED_PRECISION", "bf16", "--mixed_precision bf16"),
        ("ACCELERATE_DYNAMO_BACKEND", "INDUCTOR", "--dynamo_backend"),
    ],
)
def test_options_of_accelerate_that_change_the_training_are_refused(
    variable: str, value: str, named: str
) -> None:
    with pytest.raises(UsageError, match=f"accelerate is configured with {named}, but"):
        check_rank(RANK, AUTO, {variable: value})


@pytest.mark.parametrize(
    ("dtype", "precision"), [("float32", "no"), ("bfloat16", "no"), ("bfloat16", "bf16")]
)
def test_options_of_accelerate_that_agree_are_accepted(dtype: str, precision: str) -> None:
    environment = {"ACCELERATE_MIXED_PRECISION": precision, "ACCELERATE_DYNAMO_BACKEND": "NO"}
    check_rank(RANK, Align(model="x", processes="auto", dtype=dtype), environment)
