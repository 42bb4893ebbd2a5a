"""`mlc-data run`: the whole road, through the Prefect flow."""

from __future__ import annotations

import os

import typer

from mlc_data.cli.options import (
    QuietOption,
    RecipeArgument,
    RunDirOption,
    SetOption,
    WithOption,
    open_run,
)
from mlc_data.core import console
from mlc_data.report.summary import summary
from mlc_data.stages import STAGES


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Examples:  mlc-data run quickstart  |  "
        "mlc-data run quickstart --set sources.prompts.path=mine.jsonl --run-dir runs/mine"
    )(run)


def run(
    recipe: RecipeArgument,
    set_: SetOption = [],  # noqa: B006 - Typer copies it
    with_: WithOption = [],  # noqa: B006
    run_dir: RunDirOption = None,
    quiet: QuietOption = False,
) -> None:
    """Go from English prompts to an aligned checkpoint. Finished stages are reused."""
    # Prefect takes seconds to import and to start its server: what is wrong is told before.
    made = open_run(recipe, set_, run_dir, STAGES, with_)
    if quiet:
        os.environ["PREFECT_LOGGING_LEVEL"] = "WARNING"
    console.set_up(quiet=quiet)
    from flows import runners
    from flows.build_and_align import build_and_align

    runners.check(made.recipe)
    build_and_align(run_dir=str(made.folder))
    for part in summary(made):
        console.out.print(part)
