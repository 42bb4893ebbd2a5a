"""`mlc-data recipes`: list, show, validate, copy, schema."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from mlc_data.cli.options import RecipeArgument, SetOption, WithOption
from mlc_data.core.console import out
from mlc_data.errors import UsageError
from mlc_data.recipe.loading import dump_recipe, load_recipe, recipe_path, shipped_recipes

app = typer.Typer(
    help="List, show, validate and copy recipes; print their JSON Schema.", no_args_is_help=True
)


@app.command("list")
def list_() -> None:
    """List the recipes that come with the package."""
    # A name is there to be copied; translator and model are in the description.
    table = Table(Column("recipe", no_wrap=True), "languages", "description")
    for name in shipped_recipes():
        recipe = load_recipe(name)
        targets = str(len(recipe.languages.targets) + 1)
        table.add_row(name, targets, recipe.description)
    out.print(table)


@app.command(epilog="Example:  mlc-data recipes show quickstart --set align.loss.weight=0.4")
def show(recipe: RecipeArgument, set_: SetOption = [], with_: WithOption = []) -> None:  # noqa: B006
    """Print a recipe with every default written out, as YAML."""
    out.print(
        dump_recipe(load_recipe(recipe, set_, with_)), markup=False, highlight=False, soft_wrap=True
    )


@app.command(epilog="Example:  mlc-data recipes validate mine.yaml")
def validate(recipe: RecipeArgument, set_: SetOption = [], with_: WithOption = []) -> None:  # noqa: B006
    """Check a recipe; every fault is named, with the nearest known key."""
    loaded = load_recipe(recipe, set_, with_)
    out.print(
        f"{recipe_path(recipe)} is valid; hash {loaded.hash}", highlight=False, soft_wrap=True
    )


@app.command(epilog="Example:  mlc-data recipes schema mine.yaml > mine.schema.json")
def schema(
    recipe: Annotated[
        str | None, typer.Argument(help="A recipe whose own checks are described, too.")
    ] = None,
) -> None:
    """Print the JSON Schema of recipes, for editors that check and complete keys."""
    from mlc_data.schemas import recipe_schema

    text = json.dumps(recipe_schema(load_recipe(recipe) if recipe else None), indent=2)
    out.print(text, markup=False, highlight=False, soft_wrap=True)


@app.command(epilog="Example:  mlc-data recipes copy quickstart mine.yaml")
def copy(
    recipe: RecipeArgument,
    to: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")],
) -> None:
    """Copy a recipe, comments and all, to a file of your own, and name it after the file."""
    source = recipe_path(recipe)
    load_recipe(recipe)
    if to.is_dir():
        to = to / source.name
    try:
        with to.open("x", encoding="utf-8") as handle:
            handle.write(_renamed(source.read_text(encoding="utf-8"), to.stem))
    except FileExistsError as error:
        raise UsageError(f"{to} exists already; it is not overwritten") from error
    except OSError as error:
        raise UsageError(f"cannot write {to}: {error.strerror}") from error
    out.print(f"wrote {to}", highlight=False)


def _renamed(text: str, name: str) -> str:
    """Return the recipe's text with another name, so that its run does not overwrite the original's."""
    renamed, count = re.subn(r"(?m)^name:.*$", lambda _: f"name: {json.dumps(name)}", text, count=1)
    return renamed if count else f"name: {json.dumps(name)}\n{text}"
