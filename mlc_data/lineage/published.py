"""``published.json``: where a run's data set and checkpoint were last published, one entry a repository."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from mlc_data.core.files import write_text
from mlc_data.errors import MlcDataError
from mlc_data.lineage.record import PublishedData

FILE = "published.json"
"""Its name, in the run's folder."""


class Published(PublishedData):
    """What a repository holds since the last time that the run was published to it."""

    kind: Literal["dataset", "model"]
    """What it is."""
    content: dict[str, str]
    """Content hash of each table, or SHA-256 of each file of a checkpoint."""


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    repositories: list[Published] = []


def remember(folder: Path, published: Published) -> None:
    """Put a publication into the run's folder, in place of an earlier one to the same repository.

    Raises:
        MlcDataError: the file there cannot be read.
    """
    kept = [
        one
        for one in read_published(folder)
        if (one.kind, one.repo, one.url) != (published.kind, published.repo, published.url)
    ]
    write_text(
        folder / FILE, _File(repositories=[*kept, published]).model_dump_json(indent=2) + "\n"
    )


def read_published(folder: Path) -> list[Published]:
    """Everything that a run was published as; nothing if it was not.

    Raises:
        MlcDataError: the file cannot be read.
    """
    path = folder / FILE
    if not path.exists():
        return []
    try:
        return _File.model_validate_json(path.read_bytes()).repositories
    except ValidationError as error:
        raise MlcDataError(
            f"{path} does not tell where the run was published ({error.error_count()} faults): it was "
            "edited, or made by another version. Remove it and publish again; nothing is pushed twice"
        ) from error


def as_data(published: list[Published], content_hash: Mapping[str, str]) -> PublishedData | None:
    """The newest publication of a data set whose variant sets are these; None if there is none."""
    sets = content_hash.get("sets")
    for one in reversed(published):
        if sets and one.kind == "dataset" and one.content.get("sets") == sets:
            return PublishedData(repo=one.repo, revision=one.revision, url=one.url)
    return None
