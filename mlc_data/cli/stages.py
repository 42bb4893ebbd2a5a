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
    NameOption,
    QuietOption,
    RecipeArgument,
    RunDirOption,
    SetOption,
    WithOption,
    open_run,
    prepare,
)
from mlc_data.cli.preview import PreviewOption, show_preview
from mlc_data.core import console
from mlc_data.execute import run_stages
from mlc_data.pipeline.run import Run
from mlc_data.report.summary import summary
from mlc_data.stages import STAGES, up_to

_MORE = {"align": "  |  mlc-data align probe runs/quickstart  (which layer should the loss read?)"}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for stage in STAGES:
        if stage.command is None:
            continue
        make = _training_command if stage.of_training else _build_command
        app.command(
            stage.command,
            help=f"{stage.help} Stages before it are brought up to date first.",
            epilog=f"Example:  mlc-data {stage.command} quickstart --force{_MORE.get(stage.name, '')}",
        )(make(stage.name))
        if stage.name == "align":
            probe.register(app)


def _build_command(stage: str) -> Callable[..., None]:
    def command(
        recipe: RecipeArgument,
        *,
        set_: SetOption = [],  # noqa: B006 - Typer copies it
        with_: WithOption = [],  # noqa: B006
        run_dir: RunDirOption = None,
        force: ForceOption = False,
        preview: PreviewOption = False,
        quiet: QuietOption = False,
    ) -> None:
        run = open_run(recipe, set_, run_dir, with_)
        if preview:
            console.set_up(quiet=quiet)
            show_preview(run)
        else:
            _run(run, stage, force=force, quiet=quiet)

    def without_preview(
        recipe: RecipeArgument,
        *,
        set_: SetOption = [],  # noqa: B006
        with_: WithOption = [],  # noqa: B006
        run_dir: RunDirOption = None,
        force: ForceOption = False,
        quiet: QuietOption = False,
    ) -> None:
        _run(open_run(recipe, set_, run_dir, with_), stage, force=force, quiet=quiet)

    return command if stage in ("check", "sets") else without_preview


def _training_command(stage: str) -> Callable[..., None]:
    def command(
        recipe: RecipeArgument,
        *,
        set_: SetOption = [],  # noqa: B006 - Typer copies it
        with_: WithOption = [],  # noqa: B006
        run_dir: RunDirOption = None,
        name: NameOption = None,
        force: ForceOption = False,
        quiet: QuietOption = False,
    ) -> None:
        with _together(quiet):
            run = open_run(recipe, set_, run_dir, with_, name=name)
            _run(run, stage, force=force, quiet=quiet)

    return command


def _run(run: Run, stage: str, *, force: bool, quiet: bool) -> None:
    prepare(run, up_to(stage), force=force)
    console.set_up(quiet=quiet)
    run_stages(run, stage, force=force)
    for part in summary(run):
        console.out.print(part)


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
