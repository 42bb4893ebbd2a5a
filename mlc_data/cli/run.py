"""`mlc-data run`: the whole pipeline, through the Prefect flow where Prefect is installed."""

from __future__ import annotations

import logging

from mlc_data.cli.flows import flows_module, has_prefect
from mlc_data.cli.options import (
    JsonOption,
    NameOption,
    QuietOption,
    RecipeArgument,
    RunDirOption,
    SetOption,
    TakeOverOption,
    VerboseOption,
    WithOption,
    open_run,
    working_on,
)
from mlc_data.cli.stages import run_as_json
from mlc_data.core import console
from mlc_data.core.extras import install_command, missing
from mlc_data.execute import run_pipeline
from mlc_data.pipeline.run import Run
from mlc_data.report.page import bring_up_to_date
from mlc_data.report.summary import next_table, summary
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
    verbose: VerboseOption = False,
    as_json: JsonOption = False,
) -> None:
    """Go from English prompts to an aligned checkpoint. Finished stages are reused."""
    # Prefect takes seconds to import and to start its server: mistakes are reported before.
    run = open_run(recipe, set_, run_dir, with_, name=name)
    if not has_prefect() and run.recipe.runner.type != "threads":
        raise missing(f"prefect_{run.recipe.runner.type}")
    with working_on(run, NAMES, force=force):
        with console.live(run.folder, NAMES, quiet=quiet, verbose=verbose):
            _run_stages(run, name, verbose=verbose)
        if as_json:
            console.print_json(run_as_json(run))
            return
        for part in (*summary(run), next_table(run)):
            console.out.print(part, soft_wrap=isinstance(part, str))


def _run_stages(run: Run, name: str | None, *, verbose: bool) -> None:
    if not has_prefect():
        log.info(
            "Prefect is not installed: the same stages run without it (flows and schedules need: %s)",
            install_command("prefect"),
        )
        run_pipeline(run)
        bring_up_to_date(run)
        return
    flows_module("runners").check(run.recipe)
    if not verbose:
        flows_module("prefect_lines").only_warnings()
    with (
        flows_module("temporary").temporary_server() as is_gone,
        flows_module("lost_server").lost_server_explained(is_gone),
        flows_module("common").opened(run),
    ):
        flows_module("build_and_align").build_and_align(run_dir=str(run.folder), name=name)
