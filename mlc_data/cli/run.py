"""`mlc-data run`: the whole pipeline, through the Prefect flow where Prefect is installed."""

from __future__ import annotations

import logging
import os

from mlc_data.cli.flows import flows_module, has_prefect
from mlc_data.cli.options import (
    NameOption,
    QuietOption,
    RecipeArgument,
    RunDirOption,
    SetOption,
    TakeOverOption,
    WithOption,
    open_run,
    working_on,
)
from mlc_data.core import console
from mlc_data.core.extras import install_command, missing
from mlc_data.execute import run_pipeline
from mlc_data.pipeline.run import Run
from mlc_data.report.page import bring_up_to_date
from mlc_data.report.summary import summary
from mlc_data.stages import NAMES

EXAMPLES = (
    "Examples:  mlc-data run quickstart  |  "
    "mlc-data run quickstart --set sources.prompts.path=mine.jsonl --run-dir runs/mine"
)

log = logging.getLogger(__name__)


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
    if not has_prefect() and run.recipe.runner.type != "threads":
        raise missing(f"prefect_{run.recipe.runner.type}")
    with working_on(run, NAMES, force=force):
        if quiet:
            os.environ["PREFECT_LOGGING_LEVEL"] = "WARNING"
        console.set_up(quiet=quiet)
        _run_stages(run, name)
        for part in summary(run):
            console.out.print(part)


def _run_stages(run: Run, name: str | None) -> None:
    if has_prefect():
        flows_module("runners").check(run.recipe)
        with flows_module("common").opened(run):
            flows_module("build_and_align").build_and_align(run_dir=str(run.folder), name=name)
    else:
        log.info(
            "Prefect is not installed: the same stages run without it (flows and schedules need: %s)",
            install_command("prefect"),
        )
        run_pipeline(run)
        bring_up_to_date(run)
