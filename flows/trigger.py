"""Run a deployment and follow it: its states, and the log lines of it and of its subflows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from logging import WARNING, getLevelName
from pathlib import PurePath
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas import filters
from prefect.client.schemas.objects import FlowRun, Log, State, WorkerStatus
from prefect.client.schemas.responses import DeploymentResponse
from prefect.settings import PREFECT_UI_URL

from mlc_data.errors import MlcDataError, StoppedError, UsageError
from mlc_data.recipe.loading import load_recipe, shipped_recipes

from .parameters import IN_WORDS
from .server import PAGE, deployments, detail, server

POLL_SECONDS = 1.0
AWAY_SECONDS = 120.0

# Logged for every stage and every shard, without its name; the library's own lines say more.
_A_TASK_ENDED = ("prefect.task_runs", "Finished in state Completed()")

_INVALID = (400, 409, 422)

Show = Callable[[str], None]
"""Function that shows one line."""


def trigger(
    name: str,
    parameters: Mapping[str, Any],
    overrides: Sequence[str],
    show: Show,
    *,
    follow: bool = True,
) -> None:
    """Create a run of a deployment and, unless ``follow`` is False, follow it to its end.

    Args:
        name: ``flow/deployment``, or the flow alone if that is unambiguous.
        parameters: replace the deployment's own.
        overrides: overrides of the recipe, after those of the deployment.
        show: called with every line.
        follow: wait for its end.

    Raises:
        UsageError: there is no such deployment, or a parameter is wrong; nothing was started.
        MlcDataError: the run did not end as Completed.
        StoppedError: Ctrl-C; the run continues.
    """
    with server() as client:
        full, deployment = _find(client, name)
        given = _parameters(deployment, parameters, overrides)
        if "recipe" in _known(deployment):
            _check_recipe({**deployment.parameters, **given})
        run = _create(client, full, deployment, given)
        title = f"{full.partition('/')[0]}/{run.name}"
        show(f"{title}: created, id {run.id}")
        if (page := PREFECT_UI_URL.value()) is not None:
            show(f"{title}: {page}/runs/flow-run/{run.id}")
        _warn_without_worker(client, deployment, show)
        if not follow:
            show(f"follow it with: prefect flow-run watch {run.id}")
            return
        try:
            state = _Follower(client, run, title, show).follow()
        except KeyboardInterrupt as stopped:
            raise StoppedError(
                f"no longer following; {title} continues. To follow it: prefect flow-run watch {run.id}; to "
                f"stop it: prefect flow-run cancel {run.id}"
            ) from stopped
    if not state.is_completed():
        why = f": {state.message}" if state.message else ""
        raise MlcDataError(f"{title} ended as {state.name}{why}")


def _find(client: SyncPrefectClient, name: str) -> tuple[str, DeploymentResponse]:
    flow, _, deployment = name.partition("/")
    available = deployments(client)
    chosen = name
    if not deployment:
        own = [full for full in available if full.startswith(f"{flow}/")]
        chosen = own[0] if len(own) == 1 else f"{flow}/local"
    if chosen not in available:
        there = ", ".join(sorted(available)) or "none; `mlc-data deploy` registers them"
        raise UsageError(f"no deployment {name!r}. On the server: {there}")
    return chosen, available[chosen]


def _parameters(
    deployment: DeploymentResponse, parameters: Mapping[str, Any], overrides: Sequence[str]
) -> dict[str, Any]:
    known = _known(deployment)
    given = dict(parameters)
    if overrides:
        before = given.get("overrides", deployment.parameters.get("overrides")) or []
        if not isinstance(before, list):
            raise UsageError(f"--param overrides= takes a list such as [seed=1], not {before!r}")
        given["overrides"] = [*before, *overrides]
    unknown = sorted(set(given) - set(known))
    if unknown:
        raise UsageError(
            f"{deployment.name}: unknown parameter {', '.join(unknown)}; it takes {', '.join(known)}"
        )
    return given


def _known(deployment: DeploymentResponse) -> list[str]:
    return list((deployment.parameter_openapi_schema or {}).get("properties", {}))


def _check_recipe(parameters: Mapping[str, Any]) -> None:
    """Check the overrides of a shipped recipe locally, so that unknown keys and wrong values are reported at once."""
    overrides = parameters.get("overrides") or []
    recipe = parameters.get("recipe") or (None if parameters.get("run_dir") else "quickstart")
    if recipe in shipped_recipes() and all(isinstance(override, str) for override in overrides):
        load_recipe(str(recipe), overrides)


def _run_name(parameters: Mapping[str, Any]) -> str | None:
    """Return the recipe's name, as the flow itself will call its run."""
    known = parameters.get("recipe") or parameters.get("run_dir")
    return PurePath(str(known)).name.removesuffix(".yaml") if known else None


def _create(
    client: SyncPrefectClient, full: str, deployment: DeploymentResponse, given: dict[str, Any]
) -> FlowRun:
    try:
        return client.create_flow_run_from_deployment(
            deployment.id, parameters=given, name=_run_name({**deployment.parameters, **given})
        )
    except httpx.HTTPStatusError as error:
        if error.response.status_code not in _INVALID:
            raise
        message = detail(error)
        for pattern, words in IN_WORDS.items():
            message = message.replace(f"does not match {pattern!r}", f"is not {words}")
        raise UsageError(f"{full}, nothing was started: {message}") from error


def _warn_without_worker(
    client: SyncPrefectClient, deployment: DeploymentResponse, show: Show
) -> None:
    pool = deployment.work_pool_name
    if pool is None:
        return
    workers = client.read_workers_for_work_pool(pool)
    if not any(worker.status == WorkerStatus.ONLINE for worker in workers):
        show(
            f"no worker serves the pool {pool!r}: the run waits for one (prefect worker start --pool {pool})"
        )


@dataclass
class _Follower:
    client: SyncPrefectClient
    run: FlowRun
    title: str
    show: Show
    seen: set[UUID] = field(default_factory=set)
    within: set[UUID] = field(default_factory=set)
    newest: Log | None = None

    def follow(self) -> State[Any]:
        """Show states and log lines until the run has ended; return its final state."""
        last_state: UUID | None = None
        last_answer = time.monotonic()
        while True:
            try:
                state = self.client.read_flow_run(self.run.id).state
                # The final state is shown after the last lines of the log.
                if state is not None and state.id != last_state and not state.is_final():
                    last_state = state.id
                    self.show(f"{self.title}: {state.name}")
                self._logs()
                if state is not None and state.is_final():
                    # The last lines are sent a moment after the state.
                    time.sleep(POLL_SECONDS)
                    self._logs()
                    self.show(f"{self.title}: {state.name}")
                    return state
                last_answer = time.monotonic()
            except httpx.TransportError as error:
                if time.monotonic() - last_answer > AWAY_SECONDS:
                    raise MlcDataError(
                        f"the server has not answered for {AWAY_SECONDS:.0f} s ({error}). The run may continue: "
                        f"prefect flow-run watch {self.run.id}"
                    ) from error
            time.sleep(POLL_SECONDS)

    def _logs(self) -> None:
        runs = [self.run.id, *self.within]
        parents = filters.FlowRunFilterParentFlowRunId(any_=runs)
        children = self.client.read_flow_runs(
            flow_run_filter=filters.FlowRunFilter(parent_flow_run_id=parents)
        )
        self.within |= {child.id for child in children}
        # Lines may arrive out of order: a few seconds are read again, and known ones left out.
        after = self.newest.timestamp - timedelta(seconds=10) if self.newest else None
        wanted = filters.LogFilter(
            flow_run_id=filters.LogFilterFlowRunId(any_=[self.run.id, *self.within]),
            timestamp=filters.LogFilterTimestamp(after_=after) if after else None,
        )
        offset = 0
        while lines := self.client.read_logs(wanted, limit=PAGE, offset=offset):
            offset += len(lines)
            for line in lines:
                if line.id in self.seen:
                    continue
                self.seen.add(line.id)
                if (line.name, line.message) != _A_TASK_ENDED:
                    level = "" if line.level < WARNING else f"{getLevelName(line.level)} "
                    self.show(f"{line.timestamp.astimezone():%H:%M:%S}  {level}{line.message}")
                if self.newest is None or line.timestamp > self.newest.timestamp:
                    self.newest = line
