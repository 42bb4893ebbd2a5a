"""What is different in the recipe, the models and the versions."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from mlc_data.core.hashing import hash_value
from mlc_data.core.manifest import Manifest
from mlc_data.recipe.recipe import BESIDE, Recipe
from mlc_data.refresh.record import ModelChange, SettingChange

log = logging.getLogger(__name__)


def compare_settings(
    before: Path, manifest: Manifest, recipe: Recipe
) -> list[SettingChange] | None:
    """Keys with another value, in the order of their names.

    Args:
        before: the file of the recipe that the state before was made by.
        manifest: of that state; its recipe's hash tells whether the file is still that recipe.
        recipe: the one now.

    Returns:
        None where the file holds another recipe: a command wrote a new one and did not come to its end.
    """
    told = yaml.safe_load(before.read_text(encoding="utf-8"))
    if (
        hash_value({key: value for key, value in told.items() if key not in BESIDE})
        != manifest.recipe_hash
    ):
        log.warning("refresh: the recipe of the state before is not known, only what it made")
        return None
    old, new = dict(_flat(told)), dict(_flat(recipe.model_dump(mode="json")))
    return [
        SettingChange(key=key, before=old.get(key), after=new.get(key))
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]


def compare_models(before: Manifest, after: Manifest, recipe: Recipe) -> list[ModelChange]:
    """Models of the build, as the recipe has them now, that are not the ones before."""
    used = {
        "translator": True,
        "second_translator": recipe.rescue.model is not None,
        "language_identifier": bool(recipe.checks.language_identifiers),
    }
    pairs = ((name, before.models.get(name), after.models.get(name)) for name in used if used[name])
    return [
        ModelChange(name=name, before=old, after=new)
        for name, old, new in pairs
        if new is not None and old != new
    ]


def compare_versions(
    before: Mapping[str, str], after: Mapping[str, str]
) -> dict[str, tuple[str | None, str | None]]:
    """Packages with another version, before and now."""
    return {
        name: (before.get(name), after.get(name))
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    }


def _flat(value: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            yield from _flat(inner, f"{above}{key}.")
        else:
            yield f"{above}{key}", inner
