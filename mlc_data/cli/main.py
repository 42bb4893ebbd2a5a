"""`mlc-data`: the application and how errors leave it."""

from __future__ import annotations

import logging
import sys
from typing import Annotated

import click
import typer

from mlc_data import __version__
from mlc_data.cli import doctor, explain, languages, recipes, run, stages
from mlc_data.cli.display import err, out
from mlc_data.errors import MlcDataError, is_disk_full

app = typer.Typer(
    name="mlc-data",
    help="From raw English safety prompts to a multilingually aligned checkpoint.",
    epilog="Start with: mlc-data run quickstart",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def _version(wanted: bool) -> None:
    if wanted:
        out.print(f"mlc-data {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _application(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """From raw English safety prompts to a multilingually aligned checkpoint."""


run.register(app)
stages.register(app)
app.add_typer(recipes.app, name="recipes")
languages.register(app)
doctor.register(app)
explain.register(app)


def main() -> None:
    """Run the command line and leave with its exit code.

    0 done, 1 the run failed, 2 the usage was wrong, 130 stopped by the user.
    """
    sys.exit(run_application())


def run_application(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code. Known errors become one message each."""
    try:
        code = app(arguments, standalone_mode=False)
    except click.exceptions.Exit as leaving:
        return int(leaving.exit_code)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except MlcDataError as error:
        return _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, click.Abort):
        return _fail("stopped; what was finished is kept, the same command goes on from there", 130)
    except Exception as error:
        if is_disk_full(error):
            return _fail(f"no space left on the device: {error}", 1)
        logging.getLogger("mlc_data").debug("unexpected", exc_info=error)
        raise
    return int(code) if isinstance(code, int) else 0


def _fail(message: str, code: int) -> int:
    err.print("[bold red]Error:[/bold red]", end=" ")
    err.print(message, markup=False, highlight=False, soft_wrap=True)
    return code
