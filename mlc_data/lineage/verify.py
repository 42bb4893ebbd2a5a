"""Finding the lineage that belongs to a folder: a run, its checkpoint, or a checkpoint on its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mlc_data.errors import MlcDataError, UsageError
from mlc_data.lineage.build import lineage_of
from mlc_data.lineage.findings import (
    Finding,
    Kind,
    of_age,
    of_checkpoint,
    of_gaps,
    of_run,
)
from mlc_data.lineage.published import as_data, read_published
from mlc_data.lineage.record import FILE, Lineage, PublishedData, read_lineage
from mlc_data.pipeline.run import Run
from mlc_data.publish.record import FILE as PUBLICATION

CHECKPOINT = "checkpoint"
"""A run's folder of its checkpoint."""


@dataclass(frozen=True)
class Answer:
    """What is known of a folder.

    Attributes:
        lineage: of the checkpoint if there is one that has a record, else of the run's data.
        findings: what does not hold, or is not known.
        run: the run, if it is there: only its tables know single rows.
        published: a revision of the data set that has these variant sets.
        elsewhere: publications of the data set whose variant sets are others.
    """

    lineage: Lineage
    findings: tuple[Finding, ...]
    run: Run | None
    published: PublishedData | None
    elsewhere: tuple[str, ...] = ()


def ask(folder: Path) -> Answer:
    """The lineage of a run's folder, of its ``checkpoint/``, or of a checkpoint that lies anywhere.

    Raises:
        UsageError: the folder is none of these, or is a checkpoint that has no record.
        MlcDataError: a record cannot be read.
    """
    folder = folder.expanduser()
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder: name a run's folder or a checkpoint's")
    if (folder / "manifest.json").is_file() and not (folder / PUBLICATION).is_file():
        return _of_run(Run.open(folder))
    parent = folder.resolve().parent
    if folder.resolve().name == CHECKPOINT and (parent / "manifest.json").is_file():
        return _of_run(Run.open(parent))
    if (folder / FILE).is_file():
        lineage = read_lineage(folder / FILE)
        findings = (*of_checkpoint(folder, lineage), *of_gaps(lineage))
        return Answer(lineage, findings, None, lineage.published)
    if (folder / PUBLICATION).is_file():
        raise UsageError(
            f"{folder} is a published data set: its README.md, recipe.yaml and manifest.json tell what "
            "it was made from. Lineage is asked of a run's folder or of a checkpoint's"
        )
    raise UsageError(
        f"{folder} has neither {FILE} nor manifest.json: it is not a run's folder, and no checkpoint of "
        "this version. A checkpoint that is older is asked after by its run's folder"
    )


def _of_run(run: Run) -> Answer:
    manifest = run.manifest
    now = lineage_of(run.recipe, manifest)
    findings = list(of_run(run.folder, manifest))
    told = {one.part for one in findings}
    try:
        lineage = _own(run)
    except MlcDataError as error:
        findings.append(Finding(f"{CHECKPOINT}/{FILE}", Kind.CHANGED, str(error)))
        lineage = None
    if lineage is None:
        findings += _without_record(run, told)
        lineage = now
    else:
        findings += _of_its_checkpoint(run, lineage, now, told)
    published = read_published(run.folder)
    elsewhere = [
        f"{one.repo} revision {one.revision}"
        for one in published
        if one.kind == "dataset" and one.content.get("sets") != lineage.content_hash.get("sets")
    ]
    return Answer(
        lineage,
        (*findings, *of_gaps(lineage)),
        run,
        as_data(published, lineage.content_hash) or lineage.published,
        tuple(elsewhere),
    )


def _own(run: Run) -> Lineage | None:
    """The record in the run's checkpoint, if it has one."""
    path = run.path(CHECKPOINT, FILE)
    return read_lineage(path) if path.is_file() else None


def _without_record(run: Run, told: set[str]) -> Iterator[Finding]:
    path = f"{CHECKPOINT}/{FILE}"
    if run.path(CHECKPOINT).is_dir() and path not in told:
        yield Finding(
            path,
            Kind.UNKNOWN,
            "does not tell what the checkpoint was made from: this is the lineage of the run's data",
        )


def _of_its_checkpoint(
    run: Run, lineage: Lineage, now: Lineage, told: set[str]
) -> Iterator[Finding]:
    if "align" not in run.manifest.stages:
        what = "the run has gone on since: its manifest has no checkpoint any more"
        yield Finding(CHECKPOINT, Kind.DIFFERS, what)
    for one in of_checkpoint(run.path(CHECKPOINT), lineage):
        part = f"{CHECKPOINT}/{one.part}"
        if part not in told:
            yield Finding(part, one.kind, one.told)
    yield from of_age(lineage, now)
