"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from mlc_data.errors import ModelError, SourceError
from mlc_data.execute import preflight
from mlc_data.pipeline.layout import RECIPE
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.start_folder import start_folder
from mlc_data.recipe.loading import load_recipe, shipped_recipes


def _recipes_and_runs(begun: str) -> list[str]:
    """Return the shipped recipes, and the runs below `runs`, that begin so."""
    runs = (folder.parent.as_posix() for folder in Path("runs").glob(f"*/{RECIPE}"))
    return [name for name in (*shipped_recipes(), *runs) if name.startswith(begun)]


RecipeArgument = Annotated[
    str,
    typer.Argument(
        help="A shipped recipe's name, a YAML file, or a run's folder.",
        metavar="RECIPE",
        autocompletion=_recipes_and_runs,
    ),
]
SetOption = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override any key of the recipe, e.g. align.loss.temperature=0.3. Repeatable.",
    ),
]
WithOption = Annotated[
    list[Path],
    typer.Option(
        "--with",
        metavar="FILE",
        help="Merge a YAML file with some of a recipe's keys into it, before --set: what "
        "`mlc-data calibrate` writes. Repeatable.",
    ),
]
RunDirOption = Annotated[
    Path | None,
    typer.Option("--run-dir", metavar="DIR", help="The run's folder; default runs/<recipe name>."),
]
QuietOption = Annotated[
    bool, typer.Option("--quiet", "-q", help="Show warnings, errors and the result only.")
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="The result as JSON on standard output, for scripts.")
]
VerboseOption = Annotated[
    bool,
    typer.Option("--verbose", "-v", help="Show every log line, Prefect's own among them."),
]
ForceOption = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Run this stage again even if nothing has changed, and take over a folder that belongs to another "
        "recipe or other sources.",
    ),
]
TakeOverOption = Annotated[
    bool,
    typer.Option(
        "--force", help="Take over a folder that belongs to another recipe or other sources."
    ),
]
NameOption = Annotated[
    str | None,
    typer.Option(
        "--name",
        metavar="NAME",
        help="Name of one of several trainings on the same variant sets; its checkpoint is checkpoints/NAME.",
    ),
]


def open_run(
    recipe: str,
    overrides: list[str],
    run_dir: Path | None,
    fragments: list[Path],
    *,
    name: str | None = None,
) -> Run:
    """Return the run that a command works on, without touching its folder; a run's folder means itself.

    Raises:
        UsageError: the recipe or the name is wrong.
    """
    folder = Path(recipe)
    if run_dir is None and (folder / RECIPE).is_file():
        run_dir = folder
    if run_dir == folder and name is not None:
        own = folder / "trainings" / name / RECIPE
        recipe = str(own) if own.is_file() else recipe
    return Run.of(load_recipe(recipe, overrides, fragments), run_dir, name)


@contextmanager
def working_on(run: Run, stages: Sequence[str], *, force: bool = False) -> Iterator[None]:
    """Check what the stages need, then make the run's folder and hold it until the command ends.

    Raises:
        UsageError: something is missing, or the folder belongs to another run.
        MlcDataError: another process holds the folder.
    """
    run.check_folder(force=force)
    try:
        preflight(run, stages)
    except (SourceError, ModelError) as error:
        if (folder := start_folder(run)) is None:
            raise
        raise type(error)(
            f"{error}\nThe recipe of {run.folder} was used in {folder}: give the command there"
        ) from error
    with run.held(force=force):
        yield
