"""Recipes from YAML: shipped ones by name, users' own by path, and overrides by dotted key."""

from __future__ import annotations

import copy
import difflib
import logging
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from mlc_data.checks.registry import custom_section
from mlc_data.core.messages import VALUE, shortened_middle, shown
from mlc_data.core.paths import usable_path
from mlc_data.core.yaml_text import CHARACTERS, YamlError, read_yaml
from mlc_data.errors import MlcDataError, RecipeError
from mlc_data.recipe.recipe import Recipe
from mlc_data.recipe.replacement import drop_replaced

log = logging.getLogger(__name__)

_FAULTS, _MESSAGE = 20, 600
"""Faults of a recipe that are listed, and characters of one."""
_SECRETS = ("key_variable", "token", "secret", "password")


RENAMED = {
    "nllb-600m": "paper-nllb-600m",
    "nllb-3.3b-gpu": "paper-nllb-3.3b",
    "m2m100-418m": "recommended-qwen2.5-7b-m2m100",
}
"""Former names of shipped recipes."""


def shipped_recipes() -> dict[str, Path]:
    """Return the file of every recipe that comes with the package, by name."""
    folder = Path(str(resources.files("mlc_data") / "recipes"))
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def recipe_path(name_or_path: str) -> Path:
    """Return the YAML file meant by a shipped recipe's name or a path.

    Raises:
        RecipeError: there is neither; names the shipped recipes and the nearest one.
    """
    shipped = shipped_recipes()
    if name_or_path in shipped:
        return shipped[name_or_path]
    path = usable_path(name_or_path)
    if name_or_path in RENAMED and not path.exists():
        log.warning(
            "recipe %s: it is called %s now; for one GPU take recommended-qwen2.5-7b or demo-1gpu",
            name_or_path, RENAMED[name_or_path],
        )  # fmt: skip
        return shipped[RENAMED[name_or_path]]
    if path.is_dir() and (path / "recipe.yaml").is_file():
        return path / "recipe.yaml"
    if path.is_file():
        return path
    near = difflib.get_close_matches(name_or_path[:VALUE], shipped, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise RecipeError(
        f"No recipe {shown(name_or_path)}: neither a file nor a shipped recipe "
        f"({', '.join(shipped)}).{hint}"
    )


def load_recipe(
    name_or_path: str, overrides: Sequence[str] = (), fragments: Sequence[Path] = ()
) -> Recipe:
    """Read, override and validate a recipe.

    Args:
        name_or_path: a shipped recipe's name, a YAML file, or a run's folder.
        overrides: ``dotted.key=value``; the value is read as YAML.
        fragments: YAML files with some of a recipe's keys, merged into it in order, key by key,
            before the overrides: what ``mlc-data calibrate`` writes.

    Raises:
        RecipeError: the file is not YAML, a key is unknown (the nearest known one is named), or a
            value is out of range. All faults are listed at once.
    """
    path = recipe_path(name_or_path)
    before = _read_mapping(path)
    merged, given = before, dict[str, Any]()
    for fragment in fragments:
        file = usable_path(str(fragment))
        if not file.is_file():
            raise RecipeError(f"--with: there is no file {shown(str(fragment))[1:-1]}")
        part = _read_mapping(file)
        merged, given = merge(merged, part), merge(given, part)
    data = _overridden(before, merged, given, overrides)
    return parse_recipe(data, " with ".join(map(str, (path, *fragments))), _keys(overrides))


def _read_mapping(path: Path) -> dict[str, Any]:
    try:
        if not path.is_file() or path.stat().st_size > 4 * CHARACTERS:
            raise RecipeError(
                f"{path} is not a recipe: no file, or one of more than {CHARACTERS} characters"
            )
        data = read_yaml(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise RecipeError(f"{path} is not YAML: {error}") from error
    if not isinstance(data, dict):
        raise RecipeError(f"{path} must hold a mapping of keys at its top level")
    return data


def merge(data: Mapping[str, Any], fragment: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``data`` with the keys of ``fragment``: sections are merged key by key, all else is replaced."""
    merged = dict(data)
    for key, value in fragment.items():
        below: Any = merged.get(key)
        # A bare threshold that is now given by language stays for the languages that are not named.
        if isinstance(below, int | float) and not isinstance(below, bool):
            below = {"default": below}
        below = _by_name(below) if isinstance(value, Mapping) else below
        if isinstance(value, Mapping) and isinstance(below, Mapping):
            merged[key] = merge(below, value)
        else:
            merged[key] = value
    return merged


def _by_name(value: Any) -> Any:
    """Return a list of sections that each have a ``name`` as a mapping by name, anything else as it is."""
    if isinstance(value, list) and all(
        isinstance(each, dict) and isinstance(each.get("name"), str) for each in value
    ):
        return {each["name"]: each for each in value}
    return value


def parse_recipe(data: Mapping[str, Any], where: str, overridden: Sequence[str] = ()) -> Recipe:
    """Validate a mapping; ``where`` is named in errors.

    Args:
        data: the recipe.
        where: its file.
        overridden: dotted keys that ``--set`` gave: their faults are not blamed on the file.

    Raises:
        RecipeError: names every fault.
    """
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        faults = list(_explain(error, data))
        own = [any(_concerns(key, fault) for key in overridden) for fault in faults]
        marked = zip(faults, own, strict=True)
        if all(own):
            raise RecipeError("\n".join(f"--set {fault}" for fault in faults)) from error
        lines = "\n".join(f"  {'--set ' if mine else ''}{fault}" for fault, mine in marked)
        raise RecipeError(f"{where} is not a valid recipe:\n{lines}") from error
    except MlcDataError as error:
        raise RecipeError(f"{where} is not a valid recipe:\n  {error}") from error


def apply_overrides(data: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return ``data`` with each ``dotted.key=value`` set, see `apply_override`.

    A source that takes another's place keeps nothing of it, see `replacement.drop_replaced`.
    """
    return _overridden(data, data, {}, overrides)


def _overridden(
    before: Mapping[str, Any],
    merged: Mapping[str, Any],
    given: Mapping[str, Any],
    overrides: Sequence[str],
) -> dict[str, Any]:
    """Set overrides in a recipe that ``given`` was merged into already."""
    after, alone = copy.deepcopy(dict(merged)), copy.deepcopy(dict(given))
    for override in overrides:
        apply_override(after, override)
        apply_override(alone, override)
    drop_replaced(before, alone, after)
    return after


def apply_override(data: dict[str, Any], override: str) -> None:
    """Set one ``dotted.key=value`` in place; sections on the way are created.

    Raises:
        RecipeError: there is no ``=``, the value is not YAML, or the key runs through a value.
    """
    key, sign, text = override.partition("=")
    if not sign or not key.strip():
        raise RecipeError(f"--set takes dotted.key=value, not {shown(override)}")
    try:
        value = read_yaml(text) if text.strip() else None
    except YamlError as error:
        raise RecipeError(
            f"--set {shown(key)[1:-1]}: {_given(key, text)} is not YAML: {error}"
        ) from error
    *sections, last = key.strip().split(".")
    here = data
    for section in sections:
        below = _by_name(here.get(section))
        # A scalar that may also be a mapping (`completeness: mask`, a bare threshold) gives way.
        if isinstance(below, int | float) and not isinstance(below, bool):
            below = {"default": below}
        here[section] = below = dict(below) if isinstance(below, dict) else {}
        here = below
    here[last] = value


def dump_recipe(recipe: Recipe) -> str:
    """Return the recipe as YAML with every default written out."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def _keys(overrides: Sequence[str]) -> list[str]:
    return [override.partition("=")[0].strip() for override in overrides]


def _concerns(key: str, fault: str) -> bool:
    """Return whether a fault, which begins with its dotted key, is about an overridden key or what is in it."""
    location = fault.partition(": ")[0]
    return location == key or location.startswith(f"{key}.")


def _explain(error: ValidationError, data: Mapping[str, Any]) -> Iterator[str]:
    faults = error.errors(include_url=False, include_context=False)
    for number, fault in enumerate(faults):
        if number == _FAULTS:
            yield f"... and {len(faults) - number} faults more"
            return
        location = tuple(part for part in fault["loc"] if isinstance(part, str | int))
        dotted = ".".join(shown(part).strip("'") for part in location)
        if fault["type"] == "extra_forbidden":
            known = _known_keys(location[:-1], data)
            near = difflib.get_close_matches(str(location[-1])[:VALUE], known, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
            yield f"{dotted}: unknown key; {hint}"
        else:
            message = shortened_middle(fault["msg"].removeprefix("Value error, "), _MESSAGE)
            if fault["type"] in ("tuple_type", "list_type"):
                message = f"a list, such as [{_as_list(fault['input'])}]"
            given = "" if isinstance(fault["input"], dict) else _given(dotted, fault["input"])
            given = f" (given: {given})" if given else ""
            yield f"{dotted}: {message}{given}" if dotted else message


def _given(key: str, value: Any) -> str:
    """Return a value for a message; none of a key that is about secrets, where people put the secret itself."""
    secret = any(word in key.lower() for word in _SECRETS)
    return "***" if secret and value is not None else shown(value)


def _as_list(given: Any) -> str:
    parts = [part.strip() for part in str(given)[:VALUE].split(",")] if given is not None else []
    return ", ".join(filter(None, parts)) or "a, b"


def _known_keys(location: Sequence[str | int], data: Mapping[str, Any]) -> list[str]:
    """Return the keys of the section at a location of a recipe; ``data`` names the custom checks."""
    if tuple(location[:2]) == ("checks", "custom") and len(location) > 2:
        return sorted(
            custom_section(
                data["checks"]["custom"][location[2]].get("use", location[2])
            ).model_fields
        )
    models: list[type[BaseModel]] = [Recipe]
    for part in location:
        below: list[type[BaseModel]] = []
        for model in models:
            fields = {field.alias or name: field for name, field in model.model_fields.items()}
            field = fields.get(str(part))
            below += _models_in(field.annotation) if field else []
        # pydantic also puts the name of a union's member into the location: stay where we are.
        models = below or models
    return sorted(
        {field.alias or name for model in models for name, field in model.model_fields.items()}
    )


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if get_origin(annotation) in (Union, UnionType, Annotated, tuple):
        return [model for part in get_args(annotation) for model in _models_in(part)]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return []
