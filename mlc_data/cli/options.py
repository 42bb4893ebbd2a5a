"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe
from mlc_data.stages import preflight

RecipeArgument = Annotated[
    str,
    typer.Argument(
        help="A shipped recipe's name, a YAML file, or a run's folder.", metavar="RECIPE"
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
ForceOption = Annotated[
    bool, typer.Option("--force", help="Do this stage again even if nothing has changed.")
]


def open_run(
    recipe: str,
    overrides: list[str],
    run_dir: Path | None,
    stages: tuple[str, ...],
    fragments: list[Path],
) -> Run:
    """The run that a command works on; naming a run's folder means that folder.

    Raises:
        UsageError: the recipe is wrong, something that ``stages`` need is missing, or the folder
            cannot be used.
    """
    loaded = load_recipe(recipe, overrides, fragments)
    preflight(loaded, stages)
    if run_dir is None and (Path(recipe) / "recipe.yaml").is_file():
        run_dir = Path(recipe)
    return Run.create(loaded, run_dir)
