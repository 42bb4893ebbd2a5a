"""Superseded results: records of finished stages whose inputs have changed since.

They leave the manifest at once, so that nothing shows them as current. Their files stay until they are replaced:
when a setting is changed back, the key matches again and the stage is reused (above all a checkpoint).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from mlc_data.core.checksummed import is_intact, with_checksum
from mlc_data.core.files import write_text
from mlc_data.core.manifest import ContentHash, Counts, Manifest, ModelRecord, StageRecord

if TYPE_CHECKING:
    from mlc_data.pipeline.run import Run
    from mlc_data.pipeline.stage import Stage

log = logging.getLogger(__name__)


class Superseded(BaseModel):
    """Record, counts, hashes, results and models of a stage, moved out of the manifest."""

    model_config = ConfigDict(extra="forbid")

    record: StageRecord
    counts: dict[str, Any] = {}
    content_hash: dict[str, str] = {}
    results: dict[str, Any] = {}
    models: dict[str, ModelRecord] = {}
    checksum: str = ""


def read(run: Run, name: str) -> Superseded | None:
    """Return the superseded results of a stage, if any are kept and can be read."""
    path = run.superseded(name)
    if not path.is_file():
        return None
    data = path.read_bytes()
    try:
        results = Superseded.model_validate_json(data)
    except ValidationError as error:
        log.warning(
            "%s cannot be read, so former results of the stage %s are not used again (%d faults)",
            path, name, error.error_count(),
        )  # fmt: skip
        return None
    if not is_intact(data):
        log.warning(
            "%s was changed, so former results of the stage %s are not used again", path, name
        )
        return None
    return results


def outputs(run: Run, stage: Stage) -> set[str]:
    """Return the files of a stage's present and superseded results, as paths within the run's folder."""
    current, kept = run.manifest.stages.get(stage.name), read(run, stage.name)
    return {
        path
        for record in (current, kept.record if kept else None)
        if record is not None
        for path in record.outputs
    }


def keep(run: Run, stage: Stage) -> None:
    """Move a finished stage from the manifest to the superseded results."""
    manifest = run.manifest
    record = manifest.stages.get(stage.name)
    if record is None:
        return
    counts, hashes = manifest.counts.model_dump(), manifest.content_hash.model_dump()
    results = Superseded(
        record=record,
        counts={key: counts[key] for key in stage.counts},
        content_hash={key: hashes[key] for key in stage.content.values()},
        results={key: manifest.results[key] for key in stage.results if key in manifest.results},
        models={role: manifest.models[role] for role in stage.models if role in manifest.models},
    )
    path = run.superseded(stage.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, with_checksum(results.model_dump_json()))
    run.store(without(manifest, stage))


def restore(run: Run, stage: Stage, digest: str) -> bool:
    """Put superseded results back into the manifest if their key matches again and their files are intact."""
    from mlc_data.pipeline.stage import intact

    kept = read(run, stage.name)
    if kept is None or kept.record.key != digest or not intact(run, kept.record):
        return False
    manifest = run.manifest
    manifest.stages[stage.name] = kept.record
    manifest.models.update(kept.models)
    manifest.results.update(kept.results)
    manifest.counts = Counts.model_validate({**manifest.counts.model_dump(), **kept.counts})
    manifest.content_hash = ContentHash.model_validate(
        {**manifest.content_hash.model_dump(), **kept.content_hash}
    )
    run.store(manifest)
    remove(run, stage)
    return True


def remove(run: Run, stage: Stage) -> None:
    """Delete superseded results: their files are being replaced, or they are current again."""
    run.superseded(stage.name).unlink(missing_ok=True)


def without(manifest: Manifest, stage: Stage) -> Manifest:
    """Return the manifest without the stage's record, counts, hashes and results."""
    manifest.stages.pop(stage.name, None)
    for key in stage.counts:
        setattr(manifest.counts, key, None)
    for key in stage.content.values():
        setattr(manifest.content_hash, key, None)
    for key in stage.results:
        manifest.results.pop(key, None)
    return manifest
