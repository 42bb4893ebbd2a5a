"""`mlc-data recipes`: list, show, validate, copy, schema."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from mlc_data.cli.options import JsonOption, RecipeArgument, SetOption, WithOption
from mlc_data.core.console import out, print_json
from mlc_data.errors import UsageError
from mlc_data.recipe.keys import RecipeKey, recipe_key
from mlc_data.recipe.loading import dump_recipe, load_recipe, recipe_path, shipped_recipes

app = typer.Typer(
    help="List, show, validate and copy recipes; print their JSON Schema.", no_args_is_help=True
)


@app.command("list", epilog="Example:  mlc-data recipes list")
def list_(as_json: JsonOption = False) -> None:
    """List the recipes that come with the package."""
    if as_json:
        loaded = {name: load_recipe(name) for name in shipped_recipes()}
        print_json({name: recipe.model_dump(mode="json") for name, recipe in loaded.items()})
        return
    # A name is there to be copied; translator and model are in the description.
    table = Table(Column("recipe", no_wrap=True), "languages", "description")
    for name in shipped_recipes():
        recipe = load_recipe(name)
        targets = str(len(recipe.languages.targets) + 1)
        table.add_row(name, targets, recipe.description)
    out.print(table)


@app.command(epilog="Example:  mlc-data recipes show quickstart --set align.loss.weight=0.4")
def show(
    recipe: RecipeArgument,
    set_: SetOption = [],  # noqa: B006 - Typer copies it
    with_: WithOption = [],  # noqa: B006
    as_json: JsonOption = False,
) -> None:
    """Print a recipe with every default written out, as YAML."""
    if as_json:
        print_json(load_recipe(recipe, set_, with_).model_dump(mode="json"))
        return
    out.print(
        dump_recipe(load_recipe(recipe, set_, with_)), markup=False, highlight=False, soft_wrap=True
    )


@app.command(epilog="Example:  mlc-data recipes validate mine.yaml")
def validate(
    recipe: RecipeArgument,
    set_: SetOption = [],  # noqa: B006 - Typer copies it
    with_: WithOption = [],  # noqa: B006
    as_json: JsonOption = False,
) -> None:
    """Check a recipe; every fault is named, with the nearest known key."""
    loaded = load_recipe(recipe, set_, with_)
    if as_json:
        print_json({"recipe": str(recipe_path(recipe)), "name": loaded.name, "hash": loaded.hash})
        return
    out.print(
        f"{recipe_path(recipe)} is valid; hash {loaded.hash}", highlight=False, soft_wrap=True
    )


@app.command(epilog="Example:  mlc-data recipes explain align.loss")
def explain(
    key: Annotated[
        str,
        typer.Argument(
            help="A key such as align.loss or align.loss.weight; all sections if left out."
        ),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Explain a key of recipes: its meaning and unit, its type, its default and what it may be."""
    found = recipe_key(key)
    below = [recipe_key(f"{key}.{name}" if key else name) for name in found.keys]
    if as_json:
        print_json({**asdict(found), "keys": [asdict(each) for each in below]})
        return
    for each in (found, *below):
        _explain(each, title=each is found)


def _explain(key: RecipeKey, *, title: bool) -> None:
    if title and key.key:
        out.print(Text(key.key, style="bold"))
    elif not title:
        out.print(Text.assemble((key.key, "bold"), (f"  ({key.type})", "dim")))
    if key.meaning and key.key:
        out.print(Padding(Text(key.meaning), (0, 0, 0, 2), expand=False))
    if key.keys:
        return
    if title:
        out.print(Text(f"  type: {key.type}"))
    if key.allowed:
        out.print(Padding(Text(f"allowed: {key.allowed}"), (0, 0, 0, 2), expand=False))
    default = "none, it must be given" if key.required else key.default
    if default is not None:
        out.print(Padding(Text(f"default: {default}"), (0, 0, 0, 2), expand=False))


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
