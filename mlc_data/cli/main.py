"""`mlc-data`: the application and its exit codes."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from typing import Annotated, Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from mlc_data import __version__
from mlc_data.align.distributed.environment import LAUNCH_COMMAND, current_rank
from mlc_data.cli import (
    audit,
    cache,
    calibrate,
    deploy,
    doctor,
    explain,
    languages,
    lineage,
    models,
    plan,
    publish,
    recipes,
    refresh,
    report,
    review,
    run,
    show,
    stages,
    suites,
    trigger,
)
from mlc_data.core import time_limit
from mlc_data.core.console import err, out, show_all_characters
from mlc_data.core.extras import missing_extra
from mlc_data.core.messages import bounded, shown
from mlc_data.core.redaction import reread_environment
from mlc_data.core.stopping import HOW_TO_GO_ON, stoppable
from mlc_data.errors import (
    MlcDataError,
    StoppedError,
    UsageError,
    first_line,
    is_disk_full,
    refused_access,
)

_OTHER_WORDS = {
    "train": "align",
    "build": "sets",
    "filter": "check",
    "push": "publish",
    "init": "recipes",
    "eval": "evaluate",
}
"""Words of other tools, and the commands that do that here."""


class _Commands(TyperGroup):
    """Commands of one word or two, such as `align` and `align probe`.

    Ctrl-C is an error like any other, with a message and an exit code of its own.
    """

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        both = " ".join(args[:2])
        if len(args) > 1 and both in self.commands:
            return both, self.commands[both], args[2:]
        name = args[0] if args else ""
        if name and not name.startswith("-") and super().get_command(ctx, name) is None:
            near = get_close_matches(name, [*self.commands, *_OTHER_WORDS], n=1)
            meant = [_OTHER_WORDS.get(word, word) for word in near]
            hint = f" Did you mean {meant[0]!r}?" if meant else " `mlc-data --help` lists them."
            raise UsageError(f"No such command {name!r}.{hint}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stopped:
            raise StoppedError(f"stopped; {HOW_TO_GO_ON}") from stopped


app = typer.Typer(
    name="mlc-data",
    cls=_Commands,
    help="Go from raw English safety prompts to a multilingually aligned checkpoint.",
    epilog="Start with: mlc-data run quickstart",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        out.print(f"mlc-data {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _application(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Build a multilingually aligned checkpoint from raw English safety prompts."""
    if context.invoked_subcommand not in (None, "align"):
        _refuse_launched(context.invoked_subcommand)


def _refuse_launched(command: str) -> None:
    """Refuse a command that every rank of a launch would run in the same folder."""
    if rank := current_rank():
        raise UsageError(
            f"`mlc-data {command}` was launched {rank.world_size} times, and all would work in one folder. Only "
            f"`align` runs under a launcher: build first (`mlc-data sets RECIPE`, started once), then {LAUNCH_COMMAND}"
        )


app.command(epilog=run.EXAMPLES)(run.run)
app.command(epilog=plan.EXAMPLES)(plan.plan)
stages.register(app)
app.add_typer(recipes.app, name="recipes")
app.add_typer(cache.app, name="cache")
app.add_typer(models.app, name="models")
app.command(epilog=languages.EXAMPLES)(languages.languages)
app.command(epilog=suites.EXAMPLES)(suites.suites)
app.command(epilog=doctor.EXAMPLES)(doctor.doctor)
app.command(epilog=show.EXAMPLES)(show.show)
app.command(epilog=report.REPORT_EXAMPLES)(report.report)
app.command(epilog=report.COMPARE_EXAMPLES)(report.compare)
app.command(epilog=explain.EXAMPLES)(explain.explain)
app.command(epilog=lineage.EXAMPLES)(lineage.lineage)
app.command(epilog=calibrate.EXAMPLES)(calibrate.calibrate)
app.command(epilog=audit.EXAMPLES)(audit.audit)
app.command(epilog=review.EXAMPLES)(review.review)
app.command(epilog=publish.EXAMPLES)(publish.publish)
app.command(epilog=deploy.EXAMPLES)(deploy.deploy)
app.command(epilog=trigger.EXAMPLES)(trigger.trigger)
app.command(epilog=refresh.EXAMPLES)(refresh.refresh)


def main() -> None:
    """Run the command line and exit with its code.

    0 done, 1 the run failed, 2 the usage was wrong, 130 stopped by Ctrl-C, SIGTERM or a closed terminal.
    Known errors become one message each.
    """
    show_all_characters()
    reread_environment()
    time_limit.END_PROCESS = True
    with stoppable():
        _run()


def _run() -> None:
    try:
        app(prog_name="mlc-data")
    except StoppedError as stopped:
        message = str(stopped)
        err.print(message[:1].upper() + message[1:], markup=False, highlight=False, soft_wrap=True)
        sys.exit(stopped.exit_code)
    except MlcDataError as error:
        _leave(str(error), error.exit_code)
    except KeyboardInterrupt:  # before the command, or after it
        _leave(f"stopped; {HOW_TO_GO_ON}", StoppedError.exit_code)
    except ModuleNotFoundError as error:
        if not (missing := missing_extra(error)):
            raise
        _leave(str(missing), missing.exit_code)
    except Exception as error:
        if is_disk_full(error):
            _leave(f"no space left on the device: {error}", 1)
        if (refused := refused_access(error)) is not None:
            _leave(str(refused), refused.exit_code)
        if not isinstance(error, OSError) or error.filename is None:
            raise
        what = f"{shown(str(error.filename))[1:-1]}: {error.strerror or first_line(error)}"
        _leave(what, 1)


def _leave(message: str, code: int) -> None:
    err.print(Text("Error:", style="bold red"), end=" ")
    err.print(bounded(message), markup=False, highlight=False, soft_wrap=True)
    sys.exit(code)
