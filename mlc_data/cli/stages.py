"""One command a stage. Each brings the stages before its own up to date and reuses what it can."""

from __future__ import annotations

import logging
from collections.abc import Callable

import typer

from mlc_data.align.distributed.environment import current_rank
from mlc_data.cli import probe
from mlc_data.cli.options import (
    ForceOption,
    QuietOption,
    RecipeArgument,
    RunDirOption,
    SetOption,
    WithOption,
    open_run,
)
from mlc_data.core import console
from mlc_data.errors import UsageError
from mlc_data.pipeline.run import Run
from mlc_data.refresh.pending import first_pending
from mlc_data.report.summary import summary
from mlc_data.stages import BUILD, STAGES, bring_up_to

_COMMANDS = {
    "sources": ("sources", "Read prompts and pairs; put what cannot be used aside with a reason."),
    "translate": ("translate", "Translate every prompt into every target language, and back."),
    "rescue": ("rescue", "Translate again, by the recipe's ladder, what would be rejected."),
    "check": ("check", "Score every translation and decide which are kept."),
    "sets": ("sets", "Build variant sets from what was kept."),
    "align": (
        "align",
        "Train the model with DPO, SFT, ORPO, SimPO or KTO and the consistency loss.",
    ),
    "evaluate": (
        "utility",
        "Measure before and after alignment: held-out variant sets, replies to prompts in many "
        "languages and judgments of them, perplexity.",
    ),
}

_MORE = {"align": "  |  mlc-data align probe runs/quickstart  (which layer should the loss read?)"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for name, (stage, description) in _COMMANDS.items():
        app.command(
            name,
            help=f"{description} Stages before it are brought up to date first.",
            epilog=f"Example:  mlc-data {name} quickstart --force{_MORE.get(name, '')}",
        )(_command(stage))
        if name == "align":
            probe.register(app)


def _command(stage: str) -> Callable[..., None]:
    def command(
        recipe: RecipeArgument,
        *,
        set_: SetOption = [],  # noqa: B006 - Typer copies it
        with_: WithOption = [],  # noqa: B006
        run_dir: RunDirOption = None,
        force: ForceOption = False,
        quiet: QuietOption = False,
    ) -> None:
        rank = current_rank()
        if rank is not None and rank.rank > 0:
            from mlc_data.align.distributed.worker import join_training

            console.set_up(quiet=True)
            logging.getLogger("mlc_data").setLevel(logging.ERROR)  # rank 0 shows the rest
            join_training(rank)
            return
        opened = open_run(recipe, set_, run_dir, STAGES[: STAGES.index(stage) + 1], with_)
        console.set_up(quiet=quiet)
        if rank is not None:
            _require_sets(opened)
        reused = bring_up_to(opened, stage, force=force)
        if rank is not None and reused[stage]:
            from mlc_data.align.distributed.worker import broadcast_task

            broadcast_task()
        for part in summary(opened):
            console.out.print(part)

    return command


def _require_sets(run: Run) -> None:
    """Refuse to build variant sets under a launcher, while the GPUs of the other ranks idle.

    Raises:
        UsageError: a stage from `sources` to `sets` is not up to date.
    """
    if pending := first_pending(run, BUILD):
        rescue = f"`mlc-data rescue {run.folder}`, then " if pending == "rescue" else ""
        raise UsageError(
            f"the variant sets of {run.folder} are not up to date (stage {pending}), and under a launcher only the "
            f"training runs. Build the sets first: {rescue}`mlc-data sets {run.folder}`, without the launcher"
        )
