"""Work pools, deployments and automations on a server, in one step that may be repeated."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import WorkPool
from prefect.client.schemas.responses import DeploymentResponse
from prefect.events.schemas.automations import AutomationCore
from prefect.exceptions import ObjectNotFound

from mlc_data.errors import MlcDataError, UsageError

from .server import deployments, server

AUTOMATIONS = Path(__file__).with_name("automations.yaml")
FILE = "prefect.yaml"
SHIPPED = Path(__file__).parent.parent / FILE
"""File of the checkout, or of the installed package."""


@dataclass(frozen=True)
class Deployed:
    """An object on the server, and what was done with it.

    Attributes:
        kind: type of object.
        name: its name on the server.
        outcome: what was done.
        note: a detail, such as a pool's type.
    """

    kind: Literal["work pool", "deployment", "automation"]
    name: str
    outcome: Literal["created", "updated", "there already"]
    note: str = ""


def find_file(file: Path | None) -> Path:
    """Return ``prefect.yaml``: the given file, else that of the working directory, else that of the flows.

    Raises:
        UsageError: there is none.
    """
    candidates = [file] if file else [Path.cwd() / FILE, SHIPPED]
    for candidate in candidates:
        if candidate.is_file():
            return candidate.absolute()
    raise UsageError(
        f"there is no {' and no '.join(map(str, candidates))}: run this in the project's folder, or name the "
        "file with --file"
    )


def start_folder(file: Path) -> Path:
    """Return where the runs of a file's deployments start: its folder; the working directory for the installed file."""
    installed = file == SHIPPED and (SHIPPED.parent / "_version.py").is_file()
    return Path.cwd() if installed else file.parent


@dataclass(frozen=True)
class Move:
    """A deployment whose runs start in another folder than those of the file would."""

    name: str
    now: str
    then: str


Confirm = Callable[[list[Move]], bool]
"""Function that asks whether deployments may be moved."""


def deploy(file: Path, confirm: Confirm) -> Iterator[Deployed]:
    """Create what is missing on the server in PREFECT_API_URL and bring the rest up to date.

    An existing work pool stays as it is, whatever its type; an automation that was switched off in the UI
    stays off.

    Args:
        file: a ``prefect.yaml``. The runs of its deployments start in `start_folder`.
        confirm: called before deployments of the server are moved to that folder from another one.

    Yields:
        Each object, once it is on the server.

    Raises:
        UsageError: no server can be reached, the file is not what it should be, or a move was not confirmed.
        MlcDataError: Prefect could not deploy; quotes its output.
    """
    wanted = _deployments(file)
    ours = {key for key, _ in wanted}
    with server() as client:
        known = deployments(client)
        moves = list(_moves(known, ours, str(start_folder(file))))
        if moves and not confirm(moves):
            raise UsageError("nothing was changed on the server")
        for name in sorted({pool for _, pool in wanted}):
            yield _pool(client, name)
        _prefect_deploy(file)
        for name, deployment in sorted(deployments(client).items()):
            if (deployment.entrypoint, deployment.name) in ours:
                outcome: Literal["created", "updated"] = "updated" if name in known else "created"
                yield Deployed("deployment", name, outcome, f"pool {deployment.work_pool_name}")
        for automation in _automations():
            yield _automation(client, automation)


def _moves(
    known: Mapping[str, DeploymentResponse], ours: set[tuple[str, str]], folder: str
) -> Iterator[Move]:
    for name, deployment in sorted(known.items()):
        if (deployment.entrypoint, deployment.name) not in ours:
            continue
        for step in deployment.pull_steps or ():
            now = step.get("prefect.deployments.steps.set_working_directory", {}).get("directory")
            if now and now != folder:
                yield Move(name, now, folder)


def _deployments(file: Path) -> list[tuple[tuple[str, str], str]]:
    """Return (entrypoint, name) and pool of each deployment."""
    try:
        data = yaml.safe_load(file.read_text(encoding="utf-8"))
        return [
            ((entry["entrypoint"], entry["name"]), entry["work_pool"]["name"])
            for entry in data["deployments"]
        ]
    except (yaml.YAMLError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{file} is not a prefect.yaml whose deployments each have an entrypoint, a name and a work pool: "
            f"{type(error).__name__}: {error}"
        ) from error


def _pool(client: SyncPrefectClient, name: str) -> Deployed:
    outcome: Literal["created", "there already"] = "there already"
    try:
        pool: WorkPool = client.read_work_pool(name)
    except ObjectNotFound:
        pool = client.create_work_pool(WorkPoolCreate(name=name, type="process"))
        outcome = "created"
    return Deployed("work pool", name, outcome, f"type {pool.type}")


def _prefect_deploy(file: Path) -> None:
    """Run Prefect's own command, so that the result is that of `prefect deploy`."""
    folder = start_folder(file)
    done = subprocess.run(
        [
            sys.executable,
            *["-m", "prefect", "--no-prompt", "deploy", "--all", "--prefect-file"],
            str(file),
        ],
        cwd=folder,
        env={**os.environ, "PWD": str(folder), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        output = (done.stdout + done.stderr).strip().splitlines()
        raise MlcDataError(f"prefect deploy --all, with {file}:\n" + "\n".join(output[-20:]))


def _automations() -> list[AutomationCore]:
    data: dict[str, Any] = yaml.safe_load(AUTOMATIONS.read_text(encoding="utf-8"))
    return [AutomationCore.model_validate(entry) for entry in data["automations"]]


def _automation(client: SyncPrefectClient, wanted: AutomationCore) -> Deployed:
    same = client.read_automations_by_name(wanted.name)
    if not same:
        client.create_automation(wanted)
        return Deployed("automation", wanted.name, "created", "on")
    there = same[0]
    client.update_automation(there.id, wanted.model_copy(update={"enabled": there.enabled}))
    return Deployed("automation", wanted.name, "updated", "on" if there.enabled else "off")
