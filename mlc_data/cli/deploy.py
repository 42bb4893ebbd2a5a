"""`mlc-data deploy`: work pools, deployments and automations on a Prefect server, in one step."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from mlc_data.cli.flows import flows_module
from mlc_data.cli.options import JsonOption
from mlc_data.core.console import err, out, print_json, table
from mlc_data.errors import UsageError

EXAMPLES = "Example:  PREFECT_API_URL=http://127.0.0.1:4200/api mlc-data deploy"


def deploy(
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The deployments; default prefect.yaml here, or next to the flows. Runs start in its folder (here, with the installed file).",
        ),
    ] = None,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", "-y", help="Move deployments that start in another folder without asking."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Register work pools, deployments and automations with the server in PREFECT_API_URL.

    May be repeated: missing objects are created, the rest is brought up to date.
    """
    flows_deploy = flows_module("deploy")

    path = flows_deploy.find_file(file)
    folder = flows_deploy.start_folder(path)
    show = err if as_json else out
    show.print(f"from {path}; runs start in {folder}", highlight=False, soft_wrap=True)
    done = list(flows_deploy.deploy(path, lambda moves: yes or _confirmed(moves)))
    pools = [each.name for each in done if each.kind == "work pool"]
    if as_json:
        print_json(
            {"file": str(path), "folder": str(folder), "objects": [asdict(each) for each in done]}
        )
        return
    shown = table("kind", "name", "", "")
    for each in done:
        shown.add_row(each.kind, each.name, each.outcome, each.note)
    out.print(shown)
    for pool in pools:
        out.print(f"worker: prefect worker start --pool {pool}", highlight=False)


def _confirmed(moves: list[Any]) -> bool:
    """Ask on a terminal.

    Raises:
        UsageError: there is nobody to ask.
    """
    lines = [f"  {move.name}: runs start in {move.now}" for move in moves]
    question = f"{len(moves)} deployments of this server start elsewhere:\n" + "\n".join(lines)
    if not sys.stdin.isatty():
        raise UsageError(
            f"{question}\nMove them to {moves[0].then} with --yes, or name another server"
        )
    return typer.confirm(f"{question}\nMove them to {moves[0].then}?")
