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
    prepare,
)
from mlc_data.core import console
from mlc_data.core.extras import install_command, missing
from mlc_data.execute import run_pipeline
from mlc_data.pipeline.run import Run
from mlc_data.report.summary import summary
from mlc_data.stages import NAMES

log = logging.getLogger(__name__)

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
    work = _with_prefect if has_prefect() else _without_prefect
    prepare(run, NAMES, force=force)
    console.set_up(quiet=quiet)
    work(run, quiet=quiet)
    for part in summary(run):
        console.out.print(part)


def _with_prefect(run: Run, *, quiet: bool) -> None:
    if quiet:
        os.environ["PREFECT_LOGGING_LEVEL"] = "WARNING"
    flows_module("runners").check(run.recipe)
    with flows_module("common").opened(run):
        flows_module("build_and_align").build_and_align(
            run_dir=str(run.folder), name=run.training
        )


def _without_prefect(run: Run, *, quiet: bool) -> None:
    """Run the same stages in this process, with the same progress."""
    log.info(
        "Prefect is not installed: the stages run in this process (for flows and schedules: %s)",
        install_command("prefect"),
    )
    run_pipeline(run)
