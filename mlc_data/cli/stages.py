"""One command a stage. Each brings the stages before its own up to date and reuses what it can."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer

from mlc_data import launcher
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
        with _together(quiet):
            made = open_run(recipe, set_, run_dir, STAGES[: STAGES.index(stage) + 1], with_)
            console.set_up(quiet=quiet)
            bring_up_to(made, stage, force=force)
            for part in summary(made):
                console.out.print(part)

    return command


@contextmanager
def _together(quiet: bool) -> Iterator[None]:
    """What one process does, or the first of several that a launcher started with this command; the others
    follow it, and end here."""
    launch = launcher.found()
    if launch is None:
        yield
        return
    from mlc_data.align import launched  # it needs torch

    if launch.rank:
        console.set_up(quiet=True)
        if not quiet:
            logging.getLogger(launched.__name__).setLevel(logging.INFO)
        raise typer.Exit(launched.follow(launch))
    console.set_up(quiet=quiet)
    with launched.leading(launch):
        yield
