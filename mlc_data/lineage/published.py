"""``published.json``: the last publication of a run's data set and checkpoint, one entry per repository."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from mlc_data.core.files import write_text
from mlc_data.errors import MlcDataError
from mlc_data.pipeline.lineage.record import PublishedData

FILE = "published.json"
"""Name of the file in the run's folder."""


class Published(PublishedData):
    """Contents of a repository since the run was last published to it."""

    kind: Literal["dataset", "model"]
    """Type of the repository."""
    content: dict[str, str]
    """Content hash of each table, or SHA-256 of each file of a checkpoint."""


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    repositories: list[Published] = []


def record_publication(folder: Path, published: Published) -> None:
    """Record a publication in the run's folder, in place of an earlier one to the same repository.

    Raises:
        MlcDataError: the file there cannot be read.
    """
    kept = [
        entry
        for entry in read_published(folder)
        if (entry.kind, entry.repo, entry.url) != (published.kind, published.repo, published.url)
    ]
    file = _File(repositories=[*kept, published])
    write_text(folder / FILE, file.model_dump_json(indent=2) + "\n")


def read_published(folder: Path) -> list[Published]:
    """Return every publication of a run; an empty list if there is none.

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
            f"{path} does not say where the run was published ({error.error_count()} errors): it was "
            "edited, or made by another version. Remove it and publish again; nothing is pushed twice"
        ) from error


def find_publication(
    published: list[Published], content_hash: Mapping[str, str]
) -> PublishedData | None:
    """Return the newest publication of a data set with these variant sets; None if there is none."""
    sets = content_hash.get("sets")
    for entry in reversed(published):
        if sets and entry.kind == "dataset" and entry.content.get("sets") == sets:
            return PublishedData(repo=entry.repo, revision=entry.revision, url=entry.url)
    return None
