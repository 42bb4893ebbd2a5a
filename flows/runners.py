"""The recipe's `runner`: shards as tasks on threads, on Dask or on Ray."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import as_completed
from prefect.settings import get_current_settings
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from mlc_data.core.cores import available_cores
from mlc_data.core.extras import install_extra
from mlc_data.errors import MlcDataError, UsageError
from mlc_data.pipeline import sharding
from mlc_data.pipeline.sharding.shard import Result, Shard
from mlc_data.pipeline.sharding.workers import AT_ONCE, Done
from mlc_data.recipe.recipe import Recipe
from mlc_data.recipe.runner import Runner
from mlc_data.stages import named

_SECONDS = 10


def check(recipe: Recipe) -> None:
    """Check what the recipe's runner needs, before anything starts.

    Raises:
        UsageError: a package, a server that worker processes can reach, or the cluster is missing.
    """
    kind = recipe.runner.type
    if kind == "threads":
        return
    if find_spec(f"prefect_{kind}") is None:
        raise UsageError(f"runner.type: {kind} needs prefect-{kind}: {install_extra(kind)}")
    if get_current_settings().api.url is None:
        raise UsageError(
            f"runner.type: {kind} needs a Prefect server that its workers reach too: `prefect server start`, "
            "then set PREFECT_API_URL, e.g. http://127.0.0.1:4200/api"
        )
    if recipe.runner.address is not None:
        _reach(recipe.runner.address)


def _reach(address: str) -> None:
    """Check that a cluster answers: Ray would wait for minutes for one that does not exist."""
    host, sign, port = address.rpartition("://")[2].rpartition(":")
    if address == "auto":
        return
    try:
        if not (sign and port.isdecimal()):
            raise UsageError(f"runner.address: {address!r} is not host:port")
        socket.create_connection((host, int(port)), timeout=_SECONDS).close()
    except OSError as error:
        raise UsageError(
            f"runner.address: nothing answers at {address} ({error}). Start the cluster first, see docs/machines.md"
        ) from error


def task_runner(runner: Runner) -> TaskRunner[Any]:
    """Return Prefect's task runner for the recipe's runner."""
    if runner.type == "threads":
        return ThreadPoolTaskRunner(max_workers=runner.workers or AT_ONCE)
    workers = runner.workers or max(1, available_cores() // runner.cpus_per_task)
    if runner.type == "dask":
        return _dask(runner.address, workers)
    return _ray(runner.address, workers * runner.cpus_per_task)


def _dask(address: str | None, workers: int) -> TaskRunner[Any]:
    from prefect_dask import DaskTaskRunner

    logging.getLogger("distributed").setLevel(logging.WARNING)
    own = {
        "n_workers": workers,
        "threads_per_worker": 1,
        "dashboard_address": "127.0.0.1:0",
        "silence_logs": logging.WARNING,
    }
    cluster: TaskRunner[Any] = (
        DaskTaskRunner(address=address) if address else DaskTaskRunner(cluster_kwargs=own)
    )
    return cluster


def _ray(address: str | None, cpus: int) -> TaskRunner[Any]:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no telemetry
    from prefect_ray import RayTaskRunner

    own = {"address": "local", "num_cpus": cpus, "include_dashboard": False, "log_to_driver": False}
    cluster: TaskRunner[Any] = RayTaskRunner(init_kwargs={"address": address} if address else own)
    return cluster


@task(task_run_name="{shard.stage} {shard.number}", cache_policy=NO_CACHE)
def do_shard(shard: Shard) -> Result:
    """Do one shard, in whichever process this task runs."""
    return sharding.do(shard)


@dataclass(frozen=True)
class InTasks:
    """Workers that give shards to the recipe's task runner. See `mlc_data.pipeline.sharding.Workers`."""

    runner: Runner

    @property
    def in_process(self) -> bool:
        """True for threads, which work in this process."""
        return self.runner.type == "threads"

    @property
    def remote(self) -> bool:
        """True for a running cluster, which may be anywhere."""
        return self.runner.address is not None

    def do(self, shards: Sequence[Shard], done: Done) -> None:
        """Run a subflow with one task per shard."""
        if not shards:
            return

        @flow(name="shards", flow_run_name=shards[0].stage, task_runner=task_runner(self.runner))
        def in_tasks() -> None:
            with _reserving(self.runner, shards[0].stage):
                waiting = {do_shard.submit(shard): shard for shard in shards}
            try:
                for future in as_completed(list(waiting)):
                    done(waiting.pop(future), future.result())
            except BaseException:
                sharding.cancel(shards[0].key)
                for future in waiting:
                    _cancel(future, self.runner)
                raise

        try:
            in_tasks()
        except ConnectionError as error:
            address = self.runner.address
            if address is None:
                raise
            raise MlcDataError(
                f"runner.address: {address}: {error}. A Ray cluster that asks for a token needs "
                "RAY_AUTH_MODE=token, and its ~/.ray/auth_token on this machine"
            ) from error


def _reserving(runner: Runner, stage: str) -> ExitStack:
    """Return a context in which submitted tasks reserve the runner's resources; GPUs only for stages with an engine."""
    stack = ExitStack()
    gpus = runner.gpus_per_task if "translator" in named(stage).models else 0
    if runner.type == "ray":
        from prefect_ray.context import remote_options

        stack.enter_context(remote_options(num_cpus=runner.cpus_per_task, num_gpus=gpus))
    elif gpus:
        import dask

        stack.enter_context(dask.annotate(resources={"GPU": gpus}))
    return stack


def _cancel(future: Any, runner: Runner) -> None:
    """Cancel a shard that has not started; on Ray, a running one too."""
    if runner.type == "ray":
        import ray

        ray.cancel(future.wrapped_future)
    else:
        future.wrapped_future.cancel()
