"""One command a stage. Each brings the stages before its own up to date and reuses what it can."""

from __future__ import annotations

from collections.abc import Callable

import typer

from mlc_data.cli import display, probe
from mlc_data.cli.options import (
    ForceOption,
    QuietOption,
    RecipeArgument,
    RunDirOption,
    SetOption,
    WithOption,
    open_run,
)
from mlc_data.report.summary import summary
from mlc_data.stages import STAGES, bring_up_to

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
    "evaluate": ("evaluate", "Measure held-out variant sets before and after alignment."),
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
        made = open_run(recipe, set_, run_dir, STAGES[: STAGES.index(stage) + 1], with_)
        display.set_up(quiet=quiet)
        bring_up_to(made, stage, force=force)
        for part in summary(made):
            display.out.print(part)

    return command
