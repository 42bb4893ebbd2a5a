"""Stages that would run, and the parts of their keys that changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

from mlc_data.core.hashing import hash_parts, leaves
from mlc_data.core.manifest import StageRecord
from mlc_data.errors import MlcDataError, first_line
from mlc_data.pipeline import superseded
from mlc_data.pipeline.layout import RECIPE
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import Stage, damaged
from mlc_data.rescue.stage import only_thresholds_changed
from mlc_data.stages import STAGES, dependents, named

UNKNOWN_PART = "unknown part"
"""Changed part of a record that does not keep the parts of its key."""


class Status(StrEnum):
    """Fate of a stage in the next `mlc-data run`."""

    REUSED = "reused"
    RESTORED = "restored"  # superseded results whose key matches again
    RUNS = "runs"
    FOLLOWS = "follows"  # runs if an earlier stage that runs writes other rows than before
    UNKNOWN = "unknown"  # the key cannot be computed on this machine without the Hub


@dataclass(frozen=True)
class Change:
    """Part of a key that changed.

    Attributes:
        part: its dotted name, such as ``thresholds.length.max_ratio``; `UNKNOWN_PART` for old records.
        kind: `changed`, `added` or `gone`: some keys have parts that others do not, such as limits by language.
        now: its value; None if it is gone.
        before: its value at the time of the record, where the recipe in the run's folder still has it.
        before_known: True if ``before`` is that value.
    """

    part: str
    kind: Literal["changed", "added", "gone"] = "changed"
    now: Any = None
    before: Any = None
    before_known: bool = False


@dataclass(frozen=True)
class StagePlan:
    """Fate of one stage, with the reason in words and the changed parts of its key."""

    name: str
    status: Status
    reason: str
    changed: tuple[Change, ...] = ()

    @property
    def may_run(self) -> bool:
        """True if the stage runs, or may run."""
        return self.status not in (Status.REUSED, Status.RESTORED)

    @property
    def same_work(self) -> bool:
        """True if the stage would do about the work that it did before: nothing but thresholds changed."""
        thresholds = all(change.part.startswith("thresholds.") for change in self.changed)
        return self.status is not Status.RUNS or (bool(self.changed) and thresholds)


def stage_plans(run: Run) -> tuple[StagePlan, ...]:
    """Return the fate of every stage of `mlc-data run`, in order. Nothing is started or written."""
    plans: dict[str, StagePlan] = {}
    for stage in STAGES:
        upstream = [
            plans[earlier.name]
            for earlier in STAGES[: STAGES.index(stage)]
            if plans[earlier.name].status is not Status.REUSED and stage in dependents(earlier)
        ]
        plans[stage.name] = _plan(run, stage, upstream)
    return tuple(plans.values())


def _plan(run: Run, stage: Stage, upstream: Sequence[StagePlan]) -> StagePlan:
    record = run.manifest.stages.get(stage.name)
    superseded_results = superseded.read(run, stage.name)
    kept = superseded_results.record if superseded_results else None
    before = record or kept
    if before is None:
        return StagePlan(stage.name, Status.RUNS, "it has not been run")
    try:
        key = stage.key(run)
    except MlcDataError as error:
        unknown = StagePlan(stage.name, Status.UNKNOWN, first_line(error))
        return _following(stage, upstream) if upstream else unknown
    digest = stage.digest_of(key)
    if record is not None and record.key == digest:
        return _unchanged(run, stage, record, upstream)
    if kept is not None and kept.key == digest and damaged(run, kept) is None:
        restored = StagePlan(stage.name, Status.RESTORED, "its key matches earlier results again")
        return _following(stage, upstream) if upstream else restored
    changed = _changes(run, stage, key, before)
    rows = {key for each in upstream for key in named(each.name).content.values()}
    if changed and {change.part for change in changed} <= rows:
        return _following(stage, upstream)
    return StagePlan(stage.name, Status.RUNS, _reason(run, stage), changed)


def _unchanged(
    run: Run, stage: Stage, record: StageRecord, upstream: Sequence[StagePlan]
) -> StagePlan:
    if (path := damaged(run, record)) is not None:
        return StagePlan(stage.name, Status.RUNS, f"{path} is missing or was changed")
    if stage.incomplete(run):
        return StagePlan(stage.name, Status.RUNS, "parts that failed are tried again")
    if upstream:
        return _following(stage, upstream)
    return StagePlan(stage.name, Status.REUSED, "its key is unchanged")


def _following(stage: Stage, upstream: Sequence[StagePlan]) -> StagePlan:
    training = next((each for each in upstream if each.name == "align"), None)
    if training is not None and training.status is Status.RUNS and training.changed:
        return StagePlan(
            stage.name, Status.RUNS, "it evaluates the checkpoint of `align`, which runs"
        )
    names = ", ".join(each.name for each in upstream)
    return StagePlan(stage.name, Status.FOLLOWS, f"it runs if the rows of {names} change")


def _reason(run: Run, stage: Stage) -> str:
    if stage.name == "rescue" and only_thresholds_changed(run):
        return "its key changed (`mlc-data sets` keeps its attempts)"
    return "its key changed"


def _changes(
    run: Run, stage: Stage, key: Mapping[str, Any], record: StageRecord
) -> tuple[Change, ...]:
    """Return the parts in which a key differs from that of a record."""
    if not record.key_parts:
        return (Change(UNKNOWN_PART),)
    values = dict(leaves(stage.whole(key)))
    parts = hash_parts(values)
    former = _former(run, stage)
    changes = []
    for part in dict.fromkeys([*parts, *record.key_parts]):
        if parts.get(part) == record.key_parts.get(part):
            continue
        known = part in former and hash_parts({part: former[part]}) == {
            part: record.key_parts.get(part)
        }
        before = former[part] if known else None
        kind = _kind(part in parts, part in record.key_parts)
        changes.append(Change(part, kind, values.get(part), before, known))
    return tuple(changes)


def _kind(is_now: bool, was: bool) -> Literal["changed", "added", "gone"]:
    if is_now and was:
        return "changed"
    return "added" if is_now else "gone"


def _former(run: Run, stage: Stage) -> dict[str, Any]:
    """Return the leaves of the key under the recipe in the run's folder; empty if it cannot be computed."""
    if not (run.folder / RECIPE).is_file():
        return {}
    try:
        former = Run.open(run.folder, run.training)
        return dict(leaves(stage.whole(stage.key(former))))
    except (
        MlcDataError
    ):  # the value is shown where it is known; the changed part is named in any case
        return {}
