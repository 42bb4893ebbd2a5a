"""``lineage.json`` in a checkpoint's folder: the record of what the checkpoint was made from.

It holds nothing that differs between two equal trainings: no times, no local folders.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from mlc_data.core.described import Described
from mlc_data.core.hashing import hash_value
from mlc_data.errors import MlcDataError

FILE = "lineage.json"
"""Name of the file in the checkpoint's folder."""

FORMAT_VERSION = 1

IDENTITY = "identity"
"""Key in the manifest's notes of the stage `sources`: each source as its reader identifies it."""


class _Record(Described, BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceLineage(_Record):
    """A file or data set that prompts or pairs were read from, or that prompts were compared with."""

    name: str
    """`prompts`, `preferences`, or `decontaminate[0]` and so on."""
    place: str
    """The file as the recipe names it, without the folders of an absolute path; or the Hub's id."""
    sha256: str | None = None
    """SHA-256 of the file's bytes; of several files, of the list of their hashes."""
    revision: str | None = None
    """Commit of the Hub's data set, else the revision that the recipe names."""
    fingerprint: str | None = None
    """Fingerprint of the Hub's data set, as the library `datasets` gives it."""
    licence: str = "unknown"
    """SPDX identifier, as the recipe has it."""


class ModelLineage(_Record):
    """A model that was used; null where the manifest does not record it."""

    role: str
    """`translator`, `second_translator`, `language_identifier` or `base`."""
    id: str | None = None
    """Name or location, without the folders of an absolute path."""
    revision: str | None = None
    """Commit, or hash of the weights."""
    licence: str = "unknown"
    """SPDX identifier."""


class StageLineage(_Record):
    """A stage that led to the checkpoint."""

    name: str
    """Name of the stage in the manifest."""
    key: str
    """Hash of everything that determined the stage's outputs."""
    versions: dict[str, str] = {}
    """Our version and those of the libraries that made the outputs."""


class PublishedData(_Record):
    """A revision on the Hub."""

    repo: str
    """`organisation/name`."""
    revision: str
    """Commit."""
    url: str
    """Address of the repository."""


class TrainingLineage(_Record):
    """Method and size of the training."""

    method: str
    """`align.method`."""
    layer: int | str
    """The layer that the consistency loss read."""
    steps: int
    """Optimiser steps."""
    pairs: int
    """Preference pairs that were trained on."""
    variant_sets: int
    """Variant sets that were trained on."""


class Lineage(_Record):
    """Origins of a checkpoint, or of the data of a run."""

    format_version: int = FORMAT_VERSION
    hash: str
    """Hash of every other field: it no longer fits if the record is edited."""
    name: str
    """Name of the recipe."""
    recipe_hash: str
    """Hash of the recipe, as it was when the checkpoint was trained."""
    seed: int
    """Seed of the recipe."""
    content_hash: dict[str, str]
    """Content hash of each table that had been made by then; `sets` is that of the data set."""
    published: PublishedData | None = None
    """Published revision of the data set; only in a checkpoint that was published with it."""
    sources: list[SourceLineage]
    """Sources of the prompts and pairs."""
    models: list[ModelLineage]
    """Every model that was used."""
    stages: list[StageLineage]
    """Stages in the order in which they run."""
    training: TrainingLineage | None = None
    """Training of the checkpoint; null if nothing has been trained yet."""
    files: dict[str, str] = {}
    """SHA-256 of every other file of the checkpoint, by its path in the folder."""

    @classmethod
    def make(cls, **values: Any) -> Self:
        """Return the record with its hash, from every other field."""
        return cls(**{**values, "hash": cls(hash="", **values).digest()})

    def digest(self) -> str:
        """Return the hash of everything but ``hash``: equal to it unless somebody edited the record."""
        return hash_value(self.model_dump(mode="json", exclude={"hash"}))

    def changed(self, **values: Any) -> Self:
        """Return the record with other values and the hash that belongs to them."""
        fields = {name: getattr(self, name) for name in type(self).model_fields if name != "hash"}
        return self.make(**{**fields, **values})

    def text(self) -> str:
        """Return the text of the file."""
        return self.model_dump_json(indent=2) + "\n"


def read_lineage(path: Path) -> Lineage:
    """Read a record, edited or not: compare ``hash`` with `Lineage.digest`.

    Raises:
        MlcDataError: it is not a record of a format that this version reads.
    """
    try:
        return Lineage.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise MlcDataError(
            f"{path} is not a record of format {FORMAT_VERSION} ({error.error_count()} errors): it was "
            "made by another version, or edited. Name the folder of the run that made the checkpoint"
        ) from error
