"""The manifest: inputs and outputs of a run, and the versions that made them.

``manifest.json`` is written last and atomically; a stage that is not in it has not been done,
whatever files exist.
"""

from __future__ import annotations

import platform
from collections.abc import Collection
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from mlc_data._version import __version__
from mlc_data.core.checksummed import CHECKSUM, is_intact
from mlc_data.core.described import Described
from mlc_data.errors import MlcDataError

FORMAT_VERSION = 1

BASE = "base"
"""Role of the model that is trained."""

PACKAGES = (
    "ctranslate2",
    "sentencepiece",
    "fasttext-community",
    "polars",
    "datasets",
    "prefect",
    "torch",
    "transformers",
    "trl",
    "peft",
    "accelerate",
)


class _Record(Described, BaseModel):
    model_config = ConfigDict(extra="forbid")


class ModelRecord(_Record):
    """A model that a run used."""

    id: str
    """Name or location as the model itself or the recipe gives it."""
    revision: str
    """Commit, or hash of the weights."""
    licence: str
    """SPDX identifier, or `unknown`."""


class PromptCounts(_Record):
    """Counts of prompts or pairs: read = kept + sum of rejected."""

    read: int = 0
    kept: int = 0
    rejected: dict[str, int] = {}


class VariantCounts(_Record):
    """Counts of variants: requested = kept + sum of rejected + sum of failed; one counts under its first reason."""

    requested: int = 0
    kept: int = 0
    rejected: dict[str, int] = {}
    failed: dict[str, int] = {}


class SetCounts(_Record):
    """Counts of variant sets: kept + sum of dropped = prompts kept."""

    kept: int = 0
    dropped: dict[str, int] = {}


class Counts(_Record):
    """Rows in and rows out of each part of the pipeline."""

    prompts: PromptCounts | None = None
    preferences: PromptCounts | None = None
    variants: VariantCounts | None = None
    by_language: dict[str, VariantCounts] | None = None
    sets: SetCounts | None = None


class ContentHash(_Record):
    """Hashes of tables that depend on their rows alone."""

    prompts: str | None = None
    preferences: str | None = None
    translations: str | None = None
    scores: str | None = None
    attempts: str | None = None
    variants: str | None = None
    sets: str | None = None


def _inside(path: str) -> str:
    """Refuse a path that leads out of the run's folder: a manifest may come from a stranger."""
    pure = PurePosixPath(path)
    if (
        not pure.parts
        or pure.is_absolute()
        or ".." in pure.parts
        or "\\" in path
        or ":" in pure.parts[0]
    ):
        raise ValueError("the path leads out of the run's folder")
    return path


InsidePath = Annotated[str, AfterValidator(_inside)]
"""Path of a file within the run's folder: relative, with `/`, without `..`."""

TrainingName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
"""Name of a training, which is also that of its folder."""


class StageRecord(_Record):
    """One finished stage."""

    key: str
    """Hash of everything that determines the outputs."""
    key_parts: dict[str, str] = {}
    """Hash of each part of the key, by its dotted name; empty in records of versions that did not keep them."""
    seconds: float
    """Wall time of the run that made the outputs."""
    finished: str
    """UTC, ISO 8601."""
    outputs: dict[InsidePath, str]
    """SHA-256 of every file written, by path within the run's folder."""
    versions: dict[str, str] = {}
    """Versions of the libraries that made the outputs; the manifest's own are those of its last writer."""
    machine: str = ""
    """Class of the machine that made the outputs, see `mlc_data.core.machine`; not part of the key."""
    notes: dict[str, Any] = {}
    """Figures of the stage: segments translated, cache hits, steps trained."""


class TrainingRecord(_Record):
    """A named training (`mlc-data align --name`), with what the manifest's top level holds for the default one."""

    stages: dict[str, StageRecord] = {}
    models: dict[str, ModelRecord] = {}
    results: dict[str, Any] = {}


class Manifest(_Record):
    """``manifest.json``."""

    format_version: int = FORMAT_VERSION
    name: str = ""
    recipe_hash: str = ""
    versions: dict[str, str] = {}
    models: dict[str, ModelRecord] = {}
    stages: dict[str, StageRecord] = {}
    counts: Counts = Field(default_factory=Counts)
    content_hash: ContentHash = Field(default_factory=ContentHash)
    results: dict[str, Any] = {}
    """Held-out measures, `before` and `after` alignment."""
    trainings: dict[TrainingName, TrainingRecord] = {}
    """Named trainings on the same variant sets, by name."""
    checksum: str = ""
    """SHA-256 of the rest; checked when the file is read. Records of earlier versions have none."""

    def of_training(self, name: str, stages: Collection[str]) -> Manifest:
        """Return the manifest with the results of a named training in place of those of the default one.

        Args:
            name: name of the training; one that does not exist yet has no results.
            stages: names of the stages that belong to a training.
        """
        own = self.trainings.get(name, TrainingRecord())
        build = {key: record for key, record in self.stages.items() if key not in stages}
        return self.model_copy(
            deep=True,
            update={
                "stages": {**build, **own.stages},
                "models": {**{k: v for k, v in self.models.items() if k != BASE}, **own.models},
                "results": own.results,
            },
        )

    def with_training(self, name: str, view: Manifest, stages: Collection[str]) -> Manifest:
        """Return the manifest updated from ``view``, which `of_training` returned."""
        own = {key: record for key, record in self.stages.items() if key in stages}
        build = {key: record for key, record in view.stages.items() if key not in stages}
        training = TrainingRecord(
            stages={key: record for key, record in view.stages.items() if key in stages},
            models={key: record for key, record in view.models.items() if key == BASE},
            results=view.results,
        )
        base = {key: record for key, record in self.models.items() if key == BASE}
        return view.model_copy(
            update={
                "stages": {**build, **own},
                "models": {**{k: v for k, v in view.models.items() if k != BASE}, **base},
                "results": self.results,
                "trainings": {**self.trainings, name: training},
            }
        )


def versions() -> dict[str, str]:
    """Return our version and those of the libraries that determine the outputs."""
    installed = {"mlc-data": __version__, "python": platform.python_version()}
    for name in PACKAGES:
        try:
            installed[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            installed[name] = "not installed"
    return installed


def now() -> str:
    """Return the time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_manifest(path: Path) -> Manifest:
    """Return the manifest in a file; an empty one if there is no file.

    Raises:
        MlcDataError: the file is not a manifest of a format that this version reads, or not as it was written.
    """
    if not path.exists():
        return Manifest()
    data = path.read_bytes()
    try:
        manifest = Manifest.model_validate_json(data)
    except ValidationError as error:
        raise MlcDataError(
            f"{path} is not a manifest of format {FORMAT_VERSION} ({error.error_count()} faults). "
            "It was made by another version or edited; choose another --run-dir or remove it."
        ) from error
    if not is_intact(data):
        raise MlcDataError(
            f"{path} was changed since it was written: its checksum does not fit. Put it back, choose another "
            "--run-dir, or remove it: the same command then builds the run again"
        )
    return manifest.model_copy(update={CHECKSUM: ""})
