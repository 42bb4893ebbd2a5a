"""`mlc-data doctor`: installed packages, working devices, available models, disk."""

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
from mlc_data.cli.flows import flows_module
from mlc_data.cli.options import JsonOption, SetOption, WithOption
from mlc_data.core.console import out, print_json, table
from mlc_data.core.extras import EXTRAS, explain_missing_extra, install_command
from mlc_data.core.manifest import versions
from mlc_data.core.paths import is_hub_id, local_path, user_cache
from mlc_data.errors import MlcDataError, first_line
from mlc_data.language_id.loading import load_identifier
from mlc_data.recipe.loading import load_recipe
from mlc_data.recipe.recipe import Recipe
from mlc_data.translate.cache.store import FILE

LOW_DISK_GB = 5
HUB_SECONDS = 10

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
        *(row for name in loaded.translate.locations for row in _needed(name, "translation model")),
        *_needed(imported.path if imported else None, "translations"),
        *_needed(loaded.align.model, "model to align"),
        *_training(loaded),
        *_identifiers(loaded),
        *(row for one in loaded.sources.prompts.paths for row in _needed(one, "prompts")),
        *(
            row
            for one in (preferences.paths if preferences else ())
            for row in _needed(one, "preferences")
        ),
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


def _needed(location: str | None, what: str) -> Iterator[tuple[str, str, bool]]:
    if location is None:
        return
    name = location.partition("@")[0]  # organisation/name@commit, in translate.models
    if is_hub_id(name):
        yield what, *_hub(name)
        return
    try:
        path = local_path(location)
        yield what, str(path), path.exists()
    except MlcDataError as error:
        yield what, str(error), False


def _training(recipe: Recipe) -> Iterator[tuple[str, str, bool]]:
    """Preflight of a training (packages, chat template, shape of the model), for a model on this machine."""
    if is_hub_id(recipe.align.model) or recipe.align.model.endswith(".gguf"):
        return  # it would have to be fetched, or unpacked
    try:
        with explain_missing_extra():
            from mlc_data.align.preflight import check_training

            check_training(recipe.align)
    except MlcDataError as error:
        yield "training", str(error), False
    else:
        yield "training", "arguments, chat template and adapters fit to the model", True


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


def _hub(name: str) -> tuple[str, bool]:
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        snapshot_download(name, local_files_only=True)
    except LocalEntryNotFoundError:
        try:
            HfApi().repo_info(name, timeout=HUB_SECONDS)
        # The error is shown, whatever it is: no network, no access, no such name.
        except Exception as error:  # noqa: BLE001
            reason = first_line(error)
            return f"{name}: not reachable ({reason})", False
        return f"{name}: on the Hub", True
    return f"{name}: in the local Hub cache", True
