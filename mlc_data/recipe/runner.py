"""The recipe's section `runner`: workers for the shards of translation and scoring."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from mlc_data.recipe.base import Section


class Runner(Section):
    """Workers for the shards of the stages `translate`, `score` and `rescue`. Not part of a run's identity:
    neither the recipe's hash nor results depend on it."""

    type: Literal["threads", "dask", "ray"] = "threads"
    """`threads` of the flow's own process; worker processes of a `dask` or `ray` cluster."""
    workers: int | None = Field(default=None, ge=1)
    """Shards at the same time. Threads: null is 2, one in the engine while Python prepares the next. Dask and
    Ray without `address`: worker processes started on this machine; null starts as many as have
    `cpus_per_task` cores each."""
    address: str | None = None
    """Address of a running cluster: `tcp://host:8786` (Dask), `ray://host:10001` or `auto` (Ray). Null
    starts one on this machine for each stage."""
    cpus_per_task: int = Field(default=1, ge=1)
    """Dask and Ray: cores that a shard's translation uses; Ray reserves them."""
    gpus_per_task: float = Field(default=0, ge=0)
    """Dask and Ray: GPUs that a shard reserves where it translates (not where it scores), as Ray counts them
    or as Dask workers declare with `--resources GPU=1`."""

    stage_limit: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Hours that a stage may take; one that takes longer is stopped with an error, and resumes when the command is
    given again. Null: as long as it takes."""

    @model_validator(mode="after")
    def _threads_have_no_cluster(self) -> Self:
        if self.type == "threads" and self.address is not None:
            raise ValueError("`address` is that of a cluster: set `type` to dask or ray")
        if self.type == "threads" and self.cpus_per_task > 1:
            raise ValueError(
                "`cpus_per_task` goes with dask and ray; threads share the cores, see "
                "`translate.inter_threads` and `translate.intra_threads`"
            )
        if self.type == "threads" and self.gpus_per_task:
            raise ValueError(
                "`gpus_per_task` goes with dask and ray; threads share the GPUs that "
                "`translate.device_index` names"
            )
        if self.type == "dask" and self.gpus_per_task and self.address is None:
            raise ValueError(
                "`gpus_per_task` with dask needs workers that know their GPUs: start them with `dask worker "
                "--resources GPU=1`, one a GPU, and name the scheduler's `address`"
            )
        if self.address is not None and self.workers is not None:
            raise ValueError("a cluster at an `address` has its own `workers`: name one of the two")
        return self
