"""`mlc-data run`: the whole pipeline, through the Prefect flow."""

from __future__ import annotations

import os

from mlc_data.cli.flows import flows_module
from mlc_data.cli.options import (
    NameOption,
    QuietOption,
    RecipeArgument,
    RunDirOption,
    SetOption,
    TakeOverOption,
    WithOption,
    open_run,
    prepare,
)
from mlc_data.core import console
from mlc_data.report.summary import summary
from mlc_data.stages import NAMES

EXAMPLES = (
    "Examples:  mlc-data run quickstart  |  "
    "mlc-data run quickstart --set sources.prompts.path=mine.jsonl --run-dir runs/mine"
)


def run(
    recipe: RecipeArgument,
    *,
    set_: SetOption = [],  # noqa: B006 - Typer copies it
    with_: WithOption = [],  # noqa: B006
    run_dir: RunDirOption = None,
    name: NameOption = None,
    force: TakeOverOption = False,
    quiet: QuietOption = False,
) -> None:
    """Go from English prompts to an aligned checkpoint. Finished stages are reused."""
    # Prefect takes seconds to import and to start its server: mistakes are reported before.
    run = open_run(recipe, set_, run_dir, with_, name=name)
    prepare(run, NAMES, force=force)
    if quiet:
        os.environ["PREFECT_LOGGING_LEVEL"] = "WARNING"
    console.set_up(quiet=quiet)
    flows_module("runners").check(run.recipe)
    with flows_module("common").opened(run):
        flows_module("build_and_align").build_and_align(run_dir=str(run.folder), name=name)
    for part in summary(run):
        console.out.print(part)
