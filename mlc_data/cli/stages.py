"""One command per stage. Each brings the stages before its own up to date and reuses what it can."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Any

import typer

from mlc_data.align.distributed.environment import Rank, current_rank
from mlc_data.cli import probe
from mlc_data.cli.options import (
    ForceOption,
    JsonOption,
    NameOption,
    QuietOption,
    RecipeArgument,
    RunDirOption,
    SetOption,
    VerboseOption,
    WithOption,
    open_run,
    working_on,
)
from mlc_data.cli.preview import PreviewOption, show_preview
from mlc_data.core import console
from mlc_data.errors import UsageError
from mlc_data.execute import first_pending, run_stages
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import Stage
from mlc_data.report.page import bring_up_to_date
from mlc_data.report.summary import next_table, stage_summary
from mlc_data.stages import BUILD, EVALUATION, STAGES, up_to

_MORE = {"align": "  |  mlc-data align probe runs/quickstart  (which layer should the loss read?)"}

_REPORTED = (BUILD[-1], "align", EVALUATION[-1])
"""Stages whose commands end a run, or a part of it that stands alone: the report is written then."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for stage in STAGES:
        if stage.command is None:
            continue
        app.command(
            stage.command,
            help=f"{stage.help} Earlier stages are brought up to date first.",
            epilog=f"Example:  mlc-data {stage.command} quickstart --force{_MORE.get(stage.name, '')}",
        )(_command(stage))
        if stage.name == "align":
            probe.register(app)


def _command(stage: Stage) -> Callable[..., None]:
    def command(
        recipe: RecipeArgument,
        *,
        set_: SetOption = [],  # noqa: B006 - Typer copies it
        with_: WithOption = [],  # noqa: B006
        run_dir: RunDirOption = None,
        name: NameOption = None,
        force: ForceOption = False,
        preview: PreviewOption = False,
        quiet: QuietOption = False,
        verbose: VerboseOption = False,
        as_json: JsonOption = False,
    ) -> None:
        run = open_run(recipe, set_, run_dir, with_, name=name)
        if preview:
            console.set_up(quiet=quiet)
            show_preview(run)
        elif stage.of_training and (rank := current_rank()):
            _align_launched(run, rank, force=force, quiet=quiet, as_json=as_json)
        else:
            _run(run, stage.name, force=force, quiet=quiet, verbose=verbose, as_json=as_json)

    # Typer makes an option of each parameter: those that the stage has no use for are taken away.
    signature = inspect.signature(command, eval_str=True)
    unused = {
        "name": not stage.of_training,
        "preview": stage.name not in ("check", "sets"),
    }
    kept = [value for key, value in signature.parameters.items() if not unused.get(key)]
    command.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
    return command


def _run(run: Run, stage: str, *, force: bool, quiet: bool, verbose: bool, as_json: bool) -> bool:
    """Bring a run up to a stage and print what the stage did; return whether it was reused."""
    stages = up_to(stage)
    with working_on(run, stages, force=force):
        with console.live(run.folder, stages, quiet=quiet, verbose=verbose):
            reused = run_stages(run, stage, force=force)
            if stage in _REPORTED:
                bring_up_to_date(run)
        if as_json:
            console.print_json(run_as_json(run))
            return reused[stage]
        for part in (*stage_summary(run, stage), next_table(run)):
            console.out.print(part, soft_wrap=isinstance(part, str))
    return reused[stage]


def run_as_json(run: Run) -> dict[str, Any]:
    """Return the folder, the checkpoint and the manifest of a run."""
    return {
        "folder": str(run.folder.absolute()),
        "checkpoint": str(run.path("checkpoint").absolute()),
        "manifest": run.manifest.model_dump(mode="json", exclude_none=True),
    }


def _align_launched(run: Run, rank: Rank, *, force: bool, quiet: bool, as_json: bool) -> None:
    """Align as a rank of a launcher: rank 0 runs the stage, the others only train.

    Raises:
        UsageError: the variant sets are not up to date; the GPUs of the other ranks would idle.
    """
    from mlc_data.align.distributed.worker import broadcast_task, join_training

    if rank.rank:
        console.set_up(quiet=True)
        logging.getLogger("mlc_data").setLevel(logging.ERROR)  # rank 0 shows the rest
        join_training(rank)
        return
    if pending := first_pending(run, BUILD):
        rescue = f"`mlc-data rescue {run.folder}`, then " if pending == "rescue" else ""
        raise UsageError(
            f"the variant sets of {run.folder} are not up to date (stage {pending}), and a launcher runs the "
            f"training only. Build the sets first: {rescue}`mlc-data sets {run.folder}`, without the launcher"
        )
    # Log lines: a launcher mixes the output of its processes.
    if _run(run, "align", force=force, quiet=quiet, verbose=True, as_json=as_json):
        broadcast_task()
