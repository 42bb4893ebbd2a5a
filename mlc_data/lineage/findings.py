"""What does not hold, or is not known: files that were changed, parts that nobody recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mlc_data.core.hashing import hash_file
from mlc_data.core.manifest import Manifest
from mlc_data.lineage.build import hashes
from mlc_data.lineage.record import FILE, Lineage
from mlc_data.publish.record import FILE as PUBLICATION
from mlc_data.stages import BUILD, TRAINING

CHAIN = (*BUILD, TRAINING[0])
"""The stages that lead to a checkpoint."""

_NO_PART = frozenset({PUBLICATION, ".gitattributes", ".gitignore"})
# What whoever fetches a repository finds beside it.
_CACHE = ".cache/"


class Kind(StrEnum):
    """What is wrong with a part."""

    CHANGED = "changed"  # it is not what the record says
    MISSING = "missing"  # the record says that it was there
    ADDED = "added"  # a file that the record does not know
    DIFFERS = "differs"  # the run has gone on since the checkpoint was trained
    UNKNOWN = "unknown"  # nobody recorded it


BROKEN = frozenset({Kind.CHANGED, Kind.MISSING})
"""What the record can no longer vouch for."""


@dataclass(frozen=True)
class Finding:
    """One thing to be told: the part that it is about, its kind, and what was found, in words."""

    part: str
    kind: Kind
    told: str


def of_checkpoint(folder: Path, lineage: Lineage) -> Iterator[Finding]:
    """What in a checkpoint's folder is not as its record says."""
    if lineage.hash != lineage.digest():
        yield Finding(
            FILE,
            Kind.CHANGED,
            "changed since it was written: its own hash does not fit what it says",
        )
    found = hashes(folder)
    for path, digest in lineage.files.items():
        if path not in found:
            yield Finding(path, Kind.MISSING, "is missing")
        elif found[path] != digest:
            yield _changed(path, digest, found[path])
    for path in found.keys() - lineage.files.keys() - _NO_PART:
        if not path.startswith(_CACHE):
            yield Finding(path, Kind.ADDED, "was not there when the record was written")


def of_run(folder: Path, manifest: Manifest) -> Iterator[Finding]:
    """Outputs of the stages up to the checkpoint that are not as the manifest says."""
    for name in CHAIN:
        record = manifest.stages.get(name)
        for path, digest in record.outputs.items() if record else ():
            file = folder / path
            if not file.is_file():
                yield Finding(path, Kind.MISSING, f"is missing; the stage {name!r} wrote it")
            elif (now := hash_file(file)) != digest:
                yield _changed(path, digest, now)


def of_age(checkpoint: Lineage, run: Lineage) -> Iterator[Finding]:
    """Where a run is no longer what its checkpoint was trained by."""
    for part, then, now in _beside(checkpoint, run):
        if then != now:
            told = f"was {then or 'not there'} when the checkpoint was trained, is {now or 'not there'}"
            yield Finding(part, Kind.DIFFERS, told)


def _beside(checkpoint: Lineage, run: Lineage) -> Iterator[tuple[str, str | None, str | None]]:
    yield "recipe", checkpoint.recipe_hash, run.recipe_hash
    for what, then, now in (
        ("content hash of", checkpoint.content_hash, run.content_hash),
        ("source", _sources(checkpoint), _sources(run)),
        ("model", _models(checkpoint), _models(run)),
    ):
        for name in dict.fromkeys((*then, *now)):
            yield f"{what} {name}", then.get(name), now.get(name)


def _sources(lineage: Lineage) -> Mapping[str, str]:
    return {
        one.name: f"{one.place}, {one.sha256 or one.fingerprint}, {one.licence}"
        for one in lineage.sources
    }


def _models(lineage: Lineage) -> Mapping[str, str]:
    # The base model is the checkpoint's own: a run whose training was taken back has none.
    return {
        one.role: f"{one.id}, revision {one.revision}, {one.licence}"
        for one in lineage.models
        if one.role != "base"
    }


def of_gaps(lineage: Lineage) -> Iterator[Finding]:
    """Parts that the record should name and does not."""
    done = {stage.name for stage in lineage.stages}
    for name in BUILD:
        if name not in done:
            yield Finding(f"stage {name}", Kind.UNKNOWN, "was not in the manifest")
    for stage in lineage.stages:
        if not stage.versions:
            yield Finding(
                f"stage {stage.name}", Kind.UNKNOWN, "nobody recorded the versions of its libraries"
            )
    for source in lineage.sources:
        if not (source.sha256 or source.fingerprint):
            yield Finding(f"source {source.name}", Kind.UNKNOWN, "nobody recorded its hash")
        if source.fingerprint and not source.revision:
            yield Finding(
                f"source {source.name}", Kind.UNKNOWN, "nobody recorded its revision at the Hub"
            )
        if source.licence == "unknown" and not source.name.startswith("decontaminate"):
            yield Finding(f"source {source.name}", Kind.UNKNOWN, "its licence is not known")
    for model in lineage.models:
        if model.id is None:
            yield Finding(f"model {model.role}", Kind.UNKNOWN, "is not in the manifest")
        elif model.licence == "unknown":
            yield Finding(f"model {model.role}", Kind.UNKNOWN, "its licence is not known")


def _changed(path: str, then: str, now: str) -> Finding:
    told = f"changed since: SHA-256 was {then}, is {now}"
    return Finding(path, Kind.CHANGED, told)
