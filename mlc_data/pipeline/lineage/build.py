"""Lineage from a run's manifest and recipe; what they do not hold stays empty."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlc_data.core.files import write_text
from mlc_data.core.hashing import hash_file
from mlc_data.core.manifest import Manifest, ModelRecord, versions
from mlc_data.core.redaction import without_folders
from mlc_data.pipeline.layout import TRAINING_STAGES
from mlc_data.pipeline.lineage.record import (
    FILE,
    IDENTITY,
    Lineage,
    ModelLineage,
    SourceLineage,
    StageLineage,
    TrainingLineage,
)
from mlc_data.recipe.recipe import Recipe, Source


def lineage_of(recipe: Recipe, manifest: Manifest) -> Lineage:
    """Return the lineage of a run's data, as far as the run has come; without any training."""
    return Lineage.make(**_data(recipe, manifest))


def write_lineage(
    folder: Path,
    recipe: Recipe,
    manifest: Manifest,
    *,
    base: ModelRecord,
    key: str,
    training: TrainingLineage,
) -> None:
    """Write ``lineage.json`` into a checkpoint's folder, as its last file.

    Args:
        folder: the checkpoint.
        recipe: recipe of the training.
        manifest: manifest of the run; the stage `align` is not in it yet.
        base: the model that was trained.
        key: hash of everything that determines the checkpoint: the stage's key.
        training: method and size of the training.
    """
    data = _data(recipe, manifest)
    data["models"] = [
        *(model for model in data["models"] if model.role != "base"),
        _model("base", base),
    ]
    data["stages"].append(StageLineage(name="align", key=key, versions=versions()))
    lineage = Lineage.make(**data, training=training, files=hashes(folder))
    write_text(folder / FILE, lineage.text())


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a checkpoint except the record, by its path in the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != FILE)
    return {path.relative_to(folder).as_posix(): hash_file(path) for path in files}


def _data(recipe: Recipe, manifest: Manifest) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "recipe_hash": recipe.hash,
        "seed": recipe.seed,
        "content_hash": manifest.content_hash.model_dump(exclude_none=True),
        "sources": list(_sources(recipe, manifest)),
        "models": list(_models(recipe, manifest)),
        "stages": [
            StageLineage(name=name, key=record.key, versions=record.versions)
            for name, record in manifest.stages.items()
            if name not in TRAINING_STAGES
        ],
    }


def _sources(recipe: Recipe, manifest: Manifest) -> Iterator[SourceLineage]:
    stage = manifest.stages.get("sources")
    identity: Mapping[str, Any] = stage.notes.get(IDENTITY, {}) if stage else {}
    yield _source("prompts", recipe.sources.prompts, identity.get("prompts", {}))
    if recipe.sources.preferences:
        yield _source("preferences", recipe.sources.preferences, identity.get("preferences", {}))
    known = identity.get("decontaminate", [])
    for number, settings in enumerate(recipe.sources.decontaminate):
        file = known[number].get("file") if number < len(known) else None
        place = without_folders(settings.path)
        yield SourceLineage(name=f"decontaminate[{number}]", place=place, sha256=file)


def _source(name: str, source: Source, identity: Mapping[str, Any] | None) -> SourceLineage:
    known = identity or {}
    return SourceLineage(
        name=name,
        place=source.hub or without_folders(source.path),
        sha256=known.get("file"),
        revision=known.get("revision") or source.revision if source.hub else None,
        fingerprint=known.get("data"),
        licence=source.licence or "unknown",
    )


def _models(recipe: Recipe, manifest: Manifest) -> Iterator[ModelLineage]:
    """Models that the recipe uses: a manifest may still name one that is no longer used."""
    used = ["translator"]
    used += ["second_translator"] if recipe.rescue.model else []
    used += ["language_identifier"] if recipe.checks.language_identifiers else []
    used += ["base"] if "align" in manifest.stages else []
    for role in used:
        yield _model(role, manifest.models.get(role))


def _model(role: str, record: ModelRecord | None) -> ModelLineage:
    if record is None:
        return ModelLineage(role=role)
    # The id of a translator with a model for each language names all of them.
    names = " + ".join(without_folders(name) for name in record.id.split(" + "))
    return ModelLineage(role=role, id=names, revision=record.revision, licence=record.licence)
