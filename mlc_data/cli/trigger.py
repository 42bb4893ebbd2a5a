"""`mlc-data trigger`: run a deployment on a Prefect server and follow it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mlc_data.cli.flows import flows_module
from mlc_data.cli.options import SetOption
from mlc_data.core.console import out
from mlc_data.core.messages import shown
from mlc_data.core.yaml_text import YamlError, read_yaml
from mlc_data.errors import UsageError

EXAMPLES = (
    "Examples:  mlc-data trigger build-and-align --param recipe=demo-1gpu  |  "
    "mlc-data trigger refresh/weekly --set refresh.retrain=never"
)


def trigger(
    deployment: Annotated[
        str,
        typer.Argument(
            metavar="DEPLOYMENT",
            help="flow/deployment, or the flow alone: build-and-align is build-and-align/local.",
        ),
    ],
    *,
    param: Annotated[
        list[str],
        typer.Option(
            "--param",
            "-p",
            metavar="KEY=VALUE",
            help="A parameter of the flow, such as recipe=mine.yaml; the value is read as YAML. Repeatable.",
        ),
    ] = [],  # noqa: B006 - Typer copies it
    set_: SetOption = [],  # noqa: B006
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Wait for its end and show its log.")
    ] = True,
) -> None:
    """Run a deployment on the server in PREFECT_API_URL and follow it.

    Exits with 0 only if the run ends as Completed. Ctrl-C stops following; the run continues.
    """
    parameters = dict(map(_parameter, param))
    flows_trigger = flows_module("trigger")

    flows_trigger.trigger(
        deployment,
        parameters,
        set_,
        lambda line: out.print(line, markup=False, highlight=False, soft_wrap=True),
        follow=follow,
    )


def _parameter(given: str) -> tuple[str, Any]:
    key, sign, text = given.partition("=")
    if not sign or not key.strip():
        raise UsageError(f"--param takes key=value, not {shown(given)}")
    try:
        return key.strip(), read_yaml(text)
    except YamlError as error:
        raise UsageError(
            f"--param {shown(key)[1:-1]}: {shown(text)} is not YAML: {error}"
        ) from error
