"""Work pools, deployments and automations on a server, in one step that may be repeated."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import WorkPool
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound

from mlc_data.errors import MlcDataError, UsageError

from .server import deployments, server

AUTOMATIONS = Path(__file__).with_name("automations.yaml")
FILE = "prefect.yaml"


@dataclass(frozen=True)
class Done:
    """One thing on the server.

    Attributes:
        kind: what it is.
        name: as the server knows it.
        outcome: what became of it.
        note: a word about it, such as a pool's type.
    """

    kind: Literal["work pool", "deployment", "automation"]
    name: str
    outcome: Literal["created", "updated", "there already"]
    note: str = ""


def find_file(file: Path | None) -> Path:
    """``prefect.yaml``: the one that is named, else of the working directory, else beside the flows.

    Raises:
        UsageError: there is none.
    """
    beside = Path(__file__).parent.parent / FILE
    looked = [file] if file else [Path.cwd() / FILE, beside]
    for one in looked:
        if one.is_file():
            return one.absolute()
    raise UsageError(
        f"there is no {' and no '.join(map(str, looked))}: run this in the project's folder, or name the "
        "file with --file"
    )


def deploy(file: Path) -> Iterator[Done]:
    """Create what is missing on the server in PREFECT_API_URL and bring the rest up to date.

    A work pool that is there stays as it is, whatever its type; an automation that was switched off in the UI
    stays off.

    Args:
        file: a ``prefect.yaml``. Its folder is where the runs of its deployments start.

    Yields:
        Each thing, once it is on the server.

    Raises:
        UsageError: no server can be reached, or the file is not what it should be.
        MlcDataError: Prefect could not deploy; cites what it said.
    """
    wanted = _deployments(file)
    with server() as client:
        for name in sorted({pool for _, pool in wanted}):
            yield _pool(client, name)
        known = deployments(client)
        _prefect_deploy(file)
        ours = {one for one, _ in wanted}
        for name, one in sorted(deployments(client).items()):
            if (one.entrypoint, one.name) in ours:
                outcome: Literal["created", "updated"] = "updated" if name in known else "created"
                yield Done("deployment", name, outcome, f"pool {one.work_pool_name}")
        for automation in _automations():
            yield _automation(client, automation)


def _deployments(file: Path) -> list[tuple[tuple[str, str], str]]:
    """Entrypoint, name, and pool of each."""
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
        found = [
            ((one["entrypoint"], one["name"]), one["work_pool"]["name"])
            for one in data["deployments"]
        ]
    except (yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{file} is no prefect.yaml whose deployments each have an entrypoint, a name and a work pool: "
            f"{type(error).__name__}: {error}"
        ) from error
    return found


def _pool(client: SyncPrefectClient, name: str) -> Done:
    outcome: Literal["created", "there already"] = "there already"
    try:
        pool: WorkPool = client.read_work_pool(name)
    except ObjectNotFound:
        pool = client.create_work_pool(WorkPoolCreate(name=name, type="process"))
        outcome = "created"
    return Done("work pool", name, outcome, f"type {pool.type}")


def _prefect_deploy(file: Path) -> None:
    """Prefect's own command: what it makes of the file is what `prefect deploy` would."""
    done = subprocess.run(
        [
            sys.executable,
            *["-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file"],
            str(file),
        ],
        cwd=file.parent,
        env={**os.environ, "PWD": str(file.parent), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        raise MlcDataError(f"prefect deploy --all, with {file}:\n" + "\n".join(said[-20:]))


def _automations() -> list[AutomationCore]:
    data: dict[str, Any] = yaml.safe_load(AUTOMATIONS.read_text(encoding="utf-8"))
    return [AutomationCore.model_validate(one) for one in data["automations"]]


def _automation(client: SyncPrefectClient, wanted: AutomationCore) -> Done:
    same = client.read_automations_by_name(wanted.name)
    if not same:
        client.create_automation(wanted)
        return Done("automation", wanted.name, "created", "on")
    there = same[0]
    client.update_automation(there.id, wanted.model_copy(update={"enabled": there.enabled}))
    return Done("automation", wanted.name, "updated", "on" if there.enabled else "off")
