"""`mlc-data deploy`: work pools, deployments and automations on a Prefect server, in one step."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from mlc_data.cli.flows import flows_module
from mlc_data.core.console import out

EXAMPLES = "Example:  PREFECT_API_URL=http://127.0.0.1:4200/api mlc-data deploy"


def deploy(
    file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The deployments; default prefect.yaml here, or next to the flows. Runs start in its folder (here, with the installed file).",
        ),
    ] = None,
) -> None:
    """Register work pools, deployments and automations with the server in PREFECT_API_URL.

    May be repeated: missing objects are created, the rest is brought up to date.
    """
    flows_deploy = flows_module("deploy")

    path = flows_deploy.find_file(file)
    table = Table("", "name", "", "")
    pools = []
    for done in flows_deploy.deploy(path):
        table.add_row(done.kind, done.name, done.outcome, done.note)
        if done.kind == "work pool":
            pools.append(done.name)
    out.print(table)
    for pool in pools:
        out.print(f"worker: prefect worker start --pool {pool}", highlight=False)
