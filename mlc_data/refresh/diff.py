"""The comparison of two states of a run, and its files in ``refresh/``."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from mlc_data.core.files import write_text
from mlc_data.core.hashing import hash_value
from mlc_data.core.manifest import Manifest
from mlc_data.core.parquet import read_table, write_table
from mlc_data.core.records import PROMPTS
from mlc_data.core.yaml_text import read_yaml
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.staging import Staging
from mlc_data.recipe.recipe import NON_IDENTITY_SECTIONS, Recipe
from mlc_data.recipe.refresh import ChangedAbove
from mlc_data.refresh import variants
from mlc_data.refresh.prompts import compare_prompts
from mlc_data.refresh.record import (
    PROMPT_CHANGES,
    SET_HASHES,
    VARIANT_CHANGES,
    Diff,
    ModelChange,
    SettingChange,
    State,
    Training,
    VariantDiff,
)
from mlc_data.refresh.snapshot import FOLDER, TRAINED, Snapshot, set_hashes

log = logging.getLogger(__name__)


def compare(snapshot: Snapshot, run: Run) -> Diff:
    """Compare the run with its snapshot, and rewrite ``refresh/``.

    Its files: ``diff.json``, ``diff.parquet`` (`VARIANT_CHANGES`), ``prompts.parquet`` (`PROMPT_CHANGES`), and
    ``trained.parquet`` (`SET_HASHES`), from which the next refresh computes how much has changed since training.
    """
    old, new = snapshot.manifest, run.manifest
    before = snapshot.folder if snapshot.complete else None
    prompts = compare_prompts(
        read_table(before / "prompts.parquet", PROMPTS) if before else None,
        read_table(run.path("prompts.parquet"), PROMPTS),
    )
    changes, counts = variants.compare_variants(
        variants.requested(before) if before else None,
        variants.requested(run.folder),
        prompts.replaced,
    )
    sets, trained = set_hashes(run.folder), snapshot.trained()
    targets_before = list(old.counts.by_language or {}) if before else []
    targets = list(run.recipe.languages.targets)
    by_language = {
        code: counts.get(code, VariantDiff()) for code in dict.fromkeys([*targets, *targets_before])
    }
    diff = Diff(
        name=run.recipe.name,
        before=State(recipe_hash=old.recipe_hash, content_hash=old.content_hash)
        if before
        else None,
        after=State(recipe_hash=new.recipe_hash, content_hash=new.content_hash),
        prompts=prompts.figures,
        languages_added=[code for code in targets if code not in targets_before],
        languages_removed=[code for code in targets_before if code not in targets],
        models=_compare_models(old, new, run.recipe) if before else [],
        settings=_compare_settings(before / "recipe.yaml", old, run.recipe) if before else [],
        versions=_changes(old.versions, new.versions) if before else {},
        variants=variants.total(by_language),
        by_language=by_language,
        sets=variants.compare_sets(set_hashes(before) if before else None, sets, prompts.replaced),
        training=_training(run, trained, sets),
    )
    with Staging.of(run.folder, FOLDER, (FOLDER,)) as staging:
        write_table(changes, staging.path(FOLDER, "diff.parquet"), VARIANT_CHANGES)
        write_table(prompts.table, staging.path(FOLDER, "prompts.parquet"), PROMPT_CHANGES)
        if trained is not None:
            write_table(trained, staging.path(FOLDER, TRAINED), SET_HASHES)
        text = diff.model_dump_json(indent=2) + "\n"
        write_text(staging.path(FOLDER, "diff.json"), text)
        staging.publish()
    return diff


def record_training(run: Run) -> None:
    """Record the sets that the checkpoint was trained on, if it is the one of the present sets."""
    if "align" in run.manifest.stages:
        with Staging.of(run.folder, FOLDER, (f"{FOLDER}/{TRAINED}",)) as staging:
            write_table(set_hashes(run.folder), staging.path(FOLDER, TRAINED), SET_HASHES)
            staging.publish()


def _training(run: Run, trained: pl.DataFrame | None, sets: pl.DataFrame) -> Training:
    rule = run.recipe.refresh.retrain
    share = variants.changed_share(trained, sets)
    due = share > rule.changed_above if isinstance(rule, ChangedAbove) else rule == "always"
    written = rule.model_dump() if isinstance(rule, ChangedAbove) else rule
    return Training(rule=written, share=round(share, 6), due=due)


def _compare_settings(
    before: Path, manifest: Manifest, recipe: Recipe
) -> list[SettingChange] | None:
    """Return the keys with another value, sorted by name.

    Args:
        before: the recipe file of the state before.
        manifest: manifest of that state; its recipe hash shows whether the file is still that recipe.
        recipe: the present one.

    Returns:
        None where the file holds another recipe: a command wrote a new one and did not finish.
    """
    written = read_yaml(before.read_text(encoding="utf-8"))
    identity = {key: value for key, value in written.items() if key not in NON_IDENTITY_SECTIONS}
    if hash_value(identity) != manifest.recipe_hash:
        log.warning("refresh: the recipe of the state before is not known, only its results")
        return None
    old, new = dict(_flat(written)), dict(_flat(recipe.model_dump(mode="json")))
    changes = _changes(old, new).items()
    return [SettingChange(key=key, before=was, after=now) for key, (was, now) in changes]


def _compare_models(before: Manifest, after: Manifest, recipe: Recipe) -> list[ModelChange]:
    """Return the models of the build that the recipe uses and that have changed."""
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


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the keys with another value, sorted, with the value before and now; None where the key is absent."""
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
