"""`mlc-data doctor`: packages, working devices, models and data sets, memory, disk, clusters."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column
from rich.text import Text

from mlc_data.checks.language_id import LanguageId
from mlc_data.checks.stage import unidentified
from mlc_data.cli.doctor_devices import devices
from mlc_data.cli.doctor_hub import hub_datasets, hub_model
from mlc_data.cli.doctor_needs import needs
from mlc_data.cli.flows import flows_module
from mlc_data.cli.options import JsonOption, SetOption, WithOption
from mlc_data.core.console import out, print_json, table
from mlc_data.core.extras import EXTRAS, explain_missing_extra, install_command
from mlc_data.core.manifest import versions
from mlc_data.core.paths import is_hub_id, local_path, user_cache
from mlc_data.errors import MlcDataError
from mlc_data.language_id.loading import load_identifier
from mlc_data.recipe.judges import Classifier, Guard
from mlc_data.recipe.loading import load_recipe
from mlc_data.recipe.recipe import Recipe
from mlc_data.translate.cache.store import FILE

LOW_DISK_GB = 5

EXAMPLES = "Example:  mlc-data doctor demo-1gpu"


def doctor(
    recipe: Annotated[
        str, typer.Argument(help="The recipe whose files and models are checked.")
    ] = "quickstart",
    set_: SetOption = [],  # noqa: B006 - Typer copies it
    with_: WithOption = [],  # noqa: B006
    as_json: JsonOption = False,
) -> None:
    """Check this machine. Exits with 1 if something that the recipe needs is missing."""
    loaded = load_recipe(recipe, set_, with_)
    preferences, imported = loaded.sources.preferences, loaded.translate.imported
    rows = [
        *_packages(),
        *devices(loaded),
        *_disk(),
        *(
            row
            for name in loaded.translate.locations
            for row in _needed(name, "translation model", loaded.translate.revision)
        ),
        *_needed(loaded.translate.tokenizer, "tokenizer of the translation model"),
        *_needed(imported.path if imported else None, "translations"),
        *_needed(loaded.align.model, "model to align", loaded.align.revision),
        *_further_models(loaded),
        *_training(loaded),
        *needs(loaded),
        *_identifiers(loaded),
        *(row for one in loaded.sources.prompts.paths for row in _needed(one, "prompts")),
        *(
            row
            for one in (preferences.paths if preferences else ())
            for row in _needed(one, "preferences")
        ),
        *hub_datasets(loaded),
        *_runner(loaded),
    ]
    if as_json:
        names = ("what", "found", "good")
        print_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        shown = table("what", Column("found", overflow="fold"), "")
        for what, value, good in rows:
            shown.add_row(
                what, value, Text("good", "green") if good else Text("missing", "bold red")
            )
        out.print(shown)
    if not all(good for _, _, good in rows):
        raise typer.Exit(1)


def _packages() -> Iterator[tuple[str, str, bool]]:
    for name, version in versions().items():
        module = name.removesuffix("-community")
        if version != "not installed":
            yield name, version, True
        elif module == "prefect":
            yield name, f"not installed; runs work without it: {install_command(module)}", True
        else:
            how = install_command(module) if module in EXTRAS else f"pip install {name}"
            yield name, f"not installed: {how}", False


def _disk() -> Iterator[tuple[str, str, bool]]:
    for what, path in (("disk, here", Path.cwd()), ("disk, cache", user_cache())):
        there = next(folder for folder in (path, *path.parents) if folder.exists())
        free = shutil.disk_usage(there).free / 1e9
        yield what, f"{free:,.1f} GB free in {path}", free >= LOW_DISK_GB
    cache = user_cache() / FILE
    size = f"{cache.stat().st_size / 1e6:,.1f} MB" if cache.exists() else "empty"
    yield "translation cache", f"{size}, {cache}", True


def _needed(
    location: str | None, what: str, revision: str | None = None
) -> Iterator[tuple[str, str, bool]]:
    if location is None:
        return
    name, _, commit = location.partition("@")  # organisation/name@commit, in translate.models
    if is_hub_id(name):
        yield what, *hub_model(name, commit or revision)
        return
    try:
        path = local_path(location)
        yield what, str(path), path.exists()
    except MlcDataError as error:
        yield what, str(error), False


def _further_models(recipe: Recipe) -> Iterator[tuple[str, str, bool]]:
    """Yield rows for the models of the rescue and of the judges."""
    rescue, safety = recipe.rescue.model, recipe.evaluate.safety
    for name in rescue.locations if rescue else ():
        yield from _needed(name, "second translation model", rescue.revision if rescue else None)
    for judge in safety.judges if safety else ():
        if isinstance(judge, Guard | Classifier):
            yield from _needed(judge.model, "judge", judge.revision)


def _training(recipe: Recipe) -> Iterator[tuple[str, str, bool]]:
    """Preflight of a training (packages, tokenizer, chat template, shape of the model), without fetching it."""
    if recipe.align.model.endswith(".gguf"):
        return  # it would have to be unpacked
    try:
        with explain_missing_extra():
            from mlc_data.align.preflight import check_training

            if is_hub_id(recipe.align.model) and not _is_here(recipe):
                yield (
                    "training",
                    "tokenizer and template are looked at once the model is here",
                    True,
                )
                return
            check_training(recipe.align)
    except MlcDataError as error:
        yield "training", str(error), False
    else:
        yield "training", "arguments, tokenizer, chat template and adapters fit to the model", True


def _is_here(recipe: Recipe) -> bool:
    from mlc_data.core.offline import offline
    from mlc_data.plan.models import is_here

    with offline():
        return is_here(recipe.align.model, recipe.align.revision)


def _runner(recipe: Recipe) -> Iterator[tuple[str, str, bool]]:
    if recipe.runner.type == "threads":
        return
    status = f"{recipe.runner.type}, {recipe.runner.address or 'on this machine'}"
    try:
        with explain_missing_extra():
            flows_module("runners").check(recipe)
        yield "runner", status, True
    except MlcDataError as error:
        yield "runner", str(error), False


def _identifiers(recipe: Recipe) -> Iterator[tuple[str, str, bool]]:
    """Yield a row for each identifier, and one for the languages that none of them recognises."""
    identifiers = []
    for location in recipe.checks.language_identifiers:
        if is_hub_id(location):
            yield from _needed(location, "language identifier")
            continue
        try:
            identifiers.append(load_identifier(location))
        except MlcDataError as error:
            yield "language identifier", str(error), False
        else:
            last = identifiers[-1]
            yield "language identifier", f"{last.id}, {last.licence}", True
    if identifiers and len(identifiers) == len(recipe.checks.language_identifiers):
        codes = (recipe.languages.source, *recipe.languages.targets)
        try:
            with explain_missing_extra():
                gaps = unidentified(LanguageId(tuple(identifiers), codes))
        except MlcDataError as error:
            yield "languages identified", str(error), False
            return
        yield "languages identified", gaps or f"all {len(codes)} of the recipe", True
