"""The lineage of a folder, and a comparison with its files: changed files, parts that nobody recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mlc_data.core.hashing import hash_file
from mlc_data.core.manifest import Manifest
from mlc_data.errors import MlcDataError, UsageError
from mlc_data.lineage.published import find_publication, read_published
from mlc_data.pipeline.layout import PUBLICATION
from mlc_data.pipeline.lineage.build import hashes, lineage_of
from mlc_data.pipeline.lineage.record import FILE, Lineage, PublishedData, read_lineage
from mlc_data.pipeline.run import Run
from mlc_data.stages import BUILD, TRAINING

CHECKPOINT = "checkpoint"
"""Folder of a run's checkpoint."""

CHAIN = (*BUILD, TRAINING[0])
"""The stages that lead to a checkpoint."""

_RECORD = f"{CHECKPOINT}/{FILE}"
# Files that a download from the Hub adds.
_NOT_RECORDED = frozenset({PUBLICATION, ".gitattributes", ".gitignore"})
_CACHE = ".cache/"


class Kind(StrEnum):
    """Kind of difference from the record."""

    CHANGED = "changed"  # it is not what the record says
    MISSING = "missing"  # the record says that it was there
    ADDED = "added"  # a file that the record does not know
    DIFFERS = "differs"  # the run has changed since the checkpoint was trained
    UNKNOWN = "unknown"  # nobody recorded it


BROKEN = frozenset({Kind.CHANGED, Kind.MISSING})
"""Kinds of findings that contradict the record."""


@dataclass(frozen=True)
class Finding:
    """A difference or a gap: the part, the kind, and an explanation."""

    part: str
    kind: Kind
    told: str


@dataclass(frozen=True)
class LineageReport:
    """Everything that is known about a folder.

    Attributes:
        lineage: of the checkpoint if there is one with a record, else of the run's data.
        findings: differences and gaps.
        run: the run, if it exists: only its tables have single rows.
        published: a revision of the data set with these variant sets.
        elsewhere: publications of the data set with other variant sets.
    """

    lineage: Lineage
    findings: tuple[Finding, ...]
    run: Run | None
    published: PublishedData | None
    elsewhere: tuple[str, ...] = ()


def inspect(folder: Path) -> LineageReport:
    """Return the lineage of a run's folder, of its ``checkpoint/``, or of a checkpoint anywhere.

    Raises:
        UsageError: the folder is none of these, or is a checkpoint without a record.
        MlcDataError: a record cannot be read.
    """
    folder = folder.expanduser()
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder: name a run's folder or a checkpoint's")
    if (folder / "manifest.json").is_file() and not (folder / PUBLICATION).is_file():
        return _inspect_run(Run.open(folder))
    parent = folder.resolve().parent
    if folder.resolve().name == CHECKPOINT and (parent / "manifest.json").is_file():
        return _inspect_run(Run.open(parent))
    if (folder / FILE).is_file():
        lineage = read_lineage(folder / FILE)
        findings = (*check_checkpoint(folder, lineage), *check_gaps(lineage))
        return LineageReport(lineage, findings, None, lineage.published)
    if (folder / PUBLICATION).is_file():
        raise UsageError(
            f"{folder} is a published data set: its README.md, recipe.yaml and manifest.json say what it "
            "was made from. Name a run's folder or a checkpoint's"
        )
    raise UsageError(
        f"{folder} has neither {FILE} nor manifest.json: it is not a run's folder, and not a checkpoint "
        "of this version. For an older checkpoint, name the folder of its run"
    )


def check_checkpoint(folder: Path, lineage: Lineage) -> Iterator[Finding]:
    """Yield the differences between a checkpoint's folder and its record."""
    if lineage.hash != lineage.digest():
        yield Finding(FILE, Kind.CHANGED, "changed since it was written: its own hash does not fit")
    present = hashes(folder)
    for path, digest in lineage.files.items():
        if path not in present:
            yield Finding(path, Kind.MISSING, "is missing")
        elif present[path] != digest:
            yield _changed(path, digest, present[path])
    for path in present.keys() - lineage.files.keys() - _NOT_RECORDED:
        if not path.startswith(_CACHE):
            yield Finding(path, Kind.ADDED, "was not there when the record was written")


def check_run(folder: Path, manifest: Manifest) -> Iterator[Finding]:
    """Yield outputs of the stages up to the checkpoint that differ from the manifest."""
    for name in CHAIN:
        record = manifest.stages.get(name)
        for path, digest in record.outputs.items() if record else ():
            file = folder / path
            if not file.is_file():
                yield Finding(path, Kind.MISSING, f"is missing; the stage {name!r} wrote it")
            elif (now := hash_file(file)) != digest:
                yield _changed(path, digest, now)


def check_age(checkpoint: Lineage, run: Lineage) -> Iterator[Finding]:
    """Yield differences between a run and the lineage of its checkpoint."""
    parts = [("recipe", checkpoint.recipe_hash, run.recipe_hash)]
    for kind, before, after in (
        ("content hash of", checkpoint.content_hash, run.content_hash),
        ("source", _sources(checkpoint), _sources(run)),
        ("model", _models(checkpoint), _models(run)),
    ):
        absent = "not there"
        parts += [
            (f"{kind} {name}", before.get(name, absent), after.get(name, absent))
            for name in dict.fromkeys((*before, *after))
        ]
    for part, then, now in parts:
        if then != now:
            message = f"was {then} when the checkpoint was trained, is {now}"
            yield Finding(part, Kind.DIFFERS, message)


def check_gaps(lineage: Lineage) -> Iterator[Finding]:
    """Yield parts that the record should name but does not."""
    for part, message in _gaps(lineage):
        yield Finding(part, Kind.UNKNOWN, message)


def _gaps(lineage: Lineage) -> Iterator[tuple[str, str]]:
    done = {stage.name for stage in lineage.stages}
    for name in BUILD:
        if name not in done:
            yield f"stage {name}", "was not in the manifest"
    for stage in lineage.stages:
        if not stage.versions:
            yield f"stage {stage.name}", "nobody recorded the versions of its libraries"
    for source in lineage.sources:
        part = f"source {source.name}"
        if not (source.sha256 or source.fingerprint):
            yield part, "nobody recorded its hash"
        if source.fingerprint and not source.revision:
            yield part, "nobody recorded its revision at the Hub"
        if source.licence == "unknown" and not source.name.startswith("decontaminate"):
            yield part, "its license is not known"
    for model in lineage.models:
        if model.id is None:
            yield f"model {model.role}", "is not in the manifest"
        elif model.licence == "unknown":
            yield f"model {model.role}", "its license is not known"


def _inspect_run(run: Run) -> LineageReport:
    manifest = run.manifest
    now = lineage_of(run.recipe, manifest)
    findings = list(check_run(run.folder, manifest))
    reported = {finding.part for finding in findings}
    try:
        lineage = _recorded(run)
    except MlcDataError as error:
        findings.append(Finding(_RECORD, Kind.CHANGED, str(error)))
        lineage = None
    if lineage is None:
        findings += _check_missing_record(run, reported)
        lineage = now
    else:
        findings += _check_own_checkpoint(run, lineage, now, reported)
    published = read_published(run.folder)
    elsewhere = [
        f"{entry.repo} revision {entry.revision}"
        for entry in published
        if entry.kind == "dataset" and entry.content.get("sets") != lineage.content_hash.get("sets")
    ]
    return LineageReport(
        lineage,
        (*findings, *check_gaps(lineage)),
        run,
        find_publication(published, lineage.content_hash) or lineage.published,
        tuple(elsewhere),
    )


def _recorded(run: Run) -> Lineage | None:
    """Return the record in the run's checkpoint, if it has one."""
    path = run.path(_RECORD)
    return read_lineage(path) if path.is_file() else None


def _check_missing_record(run: Run, reported: set[str]) -> Iterator[Finding]:
    if run.path(CHECKPOINT).is_dir() and _RECORD not in reported:
        yield Finding(
            _RECORD,
            Kind.UNKNOWN,
            "does not say what the checkpoint was made from: this is the lineage of the run's data",
        )


def _check_own_checkpoint(
    run: Run, lineage: Lineage, now: Lineage, reported: set[str]
) -> Iterator[Finding]:
    if "align" not in run.manifest.stages:
        message = "the run has changed since: its manifest no longer has a checkpoint"
        yield Finding(CHECKPOINT, Kind.DIFFERS, message)
    for finding in check_checkpoint(run.path(CHECKPOINT), lineage):
        part = f"{CHECKPOINT}/{finding.part}"
        if part not in reported:
            yield Finding(part, finding.kind, finding.told)
    yield from check_age(lineage, now)


def _sources(lineage: Lineage) -> Mapping[str, str]:
    return {
        source.name: f"{source.place}, {source.sha256 or source.fingerprint}, {source.licence}"
        for source in lineage.sources
    }


def _models(lineage: Lineage) -> Mapping[str, str]:
    # The base model belongs to the checkpoint: a run whose training was withdrawn has none.
    return {
        model.role: f"{model.id}, revision {model.revision}, {model.licence}"
        for model in lineage.models
        if model.role != "base"
    }


def _changed(path: str, then: str, now: str) -> Finding:
    return Finding(path, Kind.CHANGED, f"changed since: SHA-256 was {then}, is {now}")
