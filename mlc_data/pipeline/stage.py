"""The stage: one object with its inputs, its outputs, its key and its work."""

from __future__ import annotations

import logging
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mlc_data.core.files import remove_folder
from mlc_data.core.hashing import hash_file, hash_parts, hash_value
from mlc_data.core.machine import machine_class
from mlc_data.core.manifest import ContentHash, Counts, ModelRecord, StageRecord, now, versions
from mlc_data.errors import MlcDataError
from mlc_data.pipeline import superseded
from mlc_data.pipeline.layout import RECIPE, TRAINING_STAGES, shards_folder
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.staging import Staging

if TYPE_CHECKING:
    from mlc_data.core import progress
    from mlc_data.pipeline.sharding.shard import Result, Shard

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class StageResult:
    """Figures that a stage adds to the manifest.

    ``counts`` and ``content_hash`` hold the manifest's keys that the stage owns.
    """

    counts: Mapping[str, Any] = field(default_factory=dict)
    content_hash: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, ModelRecord] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)


class Stage(ABC):
    """One step of the pipeline. Its files are written completely or not at all, and reused while its key matches.

    Raise ``version`` by hand when a change of the code changes results: the golden test fails otherwise.
    """

    name: ClassVar[str]
    """Name in the manifest."""
    version: ClassVar[int] = 1
    """Version of the results; part of the key."""
    command: ClassVar[str | None] = None
    """Name of the command that brings a run up to this stage; None if it has none."""
    help: ClassVar[str] = ""
    """Help of that command, a sentence."""
    reads: ClassVar[tuple[str, ...]] = ()
    """Tables and folders of earlier stages that determine this one."""
    writes: ClassVar[Mapping[str, str]] = {}
    """Files and folders that the stage owns, each with a description."""
    models: ClassVar[tuple[str, ...]] = ()
    """Roles of the models that the stage uses, as in the manifest."""
    content: ClassVar[Mapping[str, str]] = {}
    """Tables with a content hash, each with its key in the manifest's ``content_hash``."""
    counts: ClassVar[tuple[str, ...]] = ()
    """Keys of the manifest's ``counts`` that the stage owns."""
    results: ClassVar[tuple[str, ...]] = ()
    """Keys of the manifest's ``results`` that the stage owns."""

    @property
    def of_training(self) -> bool:
        """True if the stage belongs to one training and not to the build of variant sets."""
        return self.name in TRAINING_STAGES

    def preflight(self, run: Run) -> None:
        """Check that everything the stage needs exists, before any stage starts.

        The run's folder may not exist yet.

        Raises:
            UsageError: a file, a model or a language is missing.
        """
        del run  # most stages need nothing but earlier stages

    @abstractmethod
    def key(self, run: Run) -> Mapping[str, Any]:
        """Return everything that determines the outputs, as JSON-able values; the version is added.

        Raises:
            UsageError: an earlier stage has not been run.
        """

    @abstractmethod
    def work(self, run: Run, staging: Staging) -> StageResult:
        """Make the outputs in the staging area."""

    def shard(self, shard: Shard, path: Path, bar: progress.Bar) -> Result:
        """Do one shard, for stages that are done in shards; see `mlc_data.pipeline.sharding.do`."""
        raise NotImplementedError(f"the stage {self.name!r} has no shards")

    def incomplete(self, run: Run) -> bool:
        """Return whether a finished stage has parts that failed and should be tried again."""
        del run
        return False

    def clean_up(self, run: Run) -> None:
        """Remove what an interrupted run left for this stage, once the stage is done or reused."""
        del run

    def digest(self, run: Run) -> str:
        """Return the hash of the key: equal digests mean equal outputs."""
        return self.digest_of(self.key(run))

    def digest_of(self, key: Mapping[str, Any]) -> str:
        """Return the hash of a key, the stage's name and its version."""
        return hash_value({"stage": self.name, **self.whole(key)})

    def whole(self, key: Mapping[str, Any]) -> dict[str, Any]:
        """Return a key with the stage's version."""
        return {"version": self.version, **key}


def is_done(run: Run, stage: Stage, digest: str | None = None) -> bool:
    """Return whether the stage's outputs exist and its key is unchanged. Nothing is started.

    Args:
        run: the run.
        stage: the stage.
        digest: `Stage.digest`, where it is known already.
    """
    record = run.manifest.stages.get(stage.name)
    return (
        record is not None
        and record.key == (digest or stage.digest(run))
        and intact(run, record)
        and not stage.incomplete(run)
    )


def intact(run: Run, record: StageRecord) -> bool:
    """Return whether every output is on disk as it was written."""
    path = damaged(run, record)
    if path is not None:
        log.warning("%s is missing or was changed; its stage runs again", path)
    return path is None


def damaged(run: Run, record: StageRecord) -> Path | None:
    """Return the first output that is missing or not as it was written; None if all are."""
    for relative, digest in record.outputs.items():
        path = run.folder / relative
        if not path.is_file() or hash_file(path) != digest:
            return path
    return None


def do(run: Run, stage: Stage, later: Sequence[Stage] = (), *, force: bool = False) -> bool:
    """Run a stage unless its outputs exist and its key is unchanged; return whether it was reused.

    Args:
        run: the run.
        stage: the stage.
        later: stages that depend on this one; if its outputs change they leave the manifest, and are kept
            as superseded records until their keys match again.
        force: run it even if nothing has changed.
    """
    shards, key = shards_folder(run.folder, stage.name), stage.key(run)
    digest = stage.digest_of(key)
    if force:
        # Shards only: caches of workers on other machines are in the same folder.
        for part in shards.glob("*/part-*"):
            part.unlink()
    elif is_done(run, stage, digest):
        log.info("%s: unchanged, reused", stage.name)
        if os.access(run.folder, os.W_OK):
            run.store(run.manifest)
        _clean_up(run, stage, shards / digest[:16])
        return True
    elif superseded.restore(run, stage, digest):
        log.info("%s: its key matches again, reused", stage.name)
        _clean_up(run, stage, shards / digest[:16])
        return True
    started = time.perf_counter()
    order, outputs = list(run.manifest.stages), tuple(stage.writes)
    with Staging.of(
        run.folder, stage.name, outputs, digest, force=force, training=run.training
    ) as staging:
        result = stage.work(run, staging)
        _check_inputs(run, stage, digest)
        written = staging.hashes()
        # The former outputs are complete until here; from here on they are being replaced.
        if _differs(run, stage, result, written):
            # Another training on the same sets is not affected.
            each_of = [run] if stage.of_training else _of_every_training(run)
            for each in each_of:
                forget(each, *later)
        former = superseded.outputs(run, stage)
        superseded.remove(run, stage)
        run.store(superseded.without(run.manifest, stage))
        staging.publish(former)
    record = StageRecord(
        key=digest,
        key_parts=hash_parts(stage.whole(key)),
        seconds=round(time.perf_counter() - started, 2),
        finished=now(),
        outputs=written,
        versions=versions(),
        machine=machine_class(),
        notes=dict(result.notes),
    )
    _write_record(run, stage, record, result, order)
    _clean_up(run, stage, shards)
    log.info("%s: done in %.1f s", stage.name, record.seconds)
    if run.recipe_was_edited():
        log.warning(
            "%s was edited meanwhile: the stage %s has worked with the recipe as it was at the start",
            run.folder / RECIPE, stage.name,
        )  # fmt: skip
    return False


def _clean_up(run: Run, stage: Stage, shards: Path) -> None:
    """Remove what an interrupted run left for a stage that is done; another recipe's shards stay until then."""
    if os.access(run.folder, os.W_OK):
        remove_folder(shards)
        with suppress(OSError):  # another recipe's shards are there, or none were
            shards_folder(run.folder, stage.name).rmdir()
        stage.clean_up(run)


def _check_inputs(run: Run, stage: Stage, digest: str) -> None:
    """Refuse results of inputs that changed while they were read: no key would name them.

    Raises:
        MlcDataError: the stage's key is another one by now.
    """
    if stage.digest(run) != digest:
        raise MlcDataError(
            f"{stage.name}: something that it reads (a file of the recipe, a model, an earlier stage's table) was "
            "changed while it was at work; nothing was taken over. Run the same command again"
        )


def forget(run: Run, *stages: Stage) -> None:
    """Remove stages from the manifest, with their counts, hashes and results.

    Their records are kept as superseded: a stage whose key matches again is reused.
    """
    for stage in stages:
        superseded.keep(run, stage)


def _of_every_training(run: Run) -> list[Run]:
    return [replace(run, training=name) for name in run.trainings()]


def _differs(run: Run, stage: Stage, result: StageResult, written: Mapping[str, str]) -> bool:
    manifest = run.manifest
    if stage.content:
        before = manifest.content_hash.model_dump(exclude_none=True)
        return any(before.get(key) != value for key, value in result.content_hash.items())
    record = manifest.stages.get(stage.name)
    return record is None or record.outputs != dict(written)


def _write_record(
    run: Run, stage: Stage, record: StageRecord, result: StageResult, order: Sequence[str]
) -> None:
    manifest = run.manifest
    manifest.stages[stage.name] = record
    # A stage that runs again keeps its place among the stages.
    manifest.stages = {
        name: manifest.stages[name]
        for name in dict.fromkeys([*order, *manifest.stages])
        if name in manifest.stages
    }
    manifest.models.update(result.models)
    manifest.results.update(result.results)
    manifest.counts = Counts.model_validate(
        {**manifest.counts.model_dump(exclude_none=True), **result.counts}
    )
    manifest.content_hash = ContentHash.model_validate(
        {**manifest.content_hash.model_dump(exclude_none=True), **result.content_hash}
    )
    run.store(manifest)
