"""``lineage.openlineage.jsonl``: the run as OpenLineage events (https://openlineage.io, 2-0-2), for catalogues.

Each stage that is done gives a START and a COMPLETE event, made from the manifest alone. Nothing is sent
anywhere: who has a catalogue hands it the file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import polars as pl

from mlc_data.core.files import write_text
from mlc_data.core.hashing import hash_value
from mlc_data.core.manifest import Manifest, StageRecord
from mlc_data.lineage import columns
from mlc_data.lineage.build import lineage_of
from mlc_data.lineage.facets import (
    NAMESPACE,
    PRODUCER,
    Dataset,
    column_lineage,
    facet,
    model,
    schema,
    source,
)
from mlc_data.lineage.record import Lineage
from mlc_data.pipeline.run import Run

FILE = "lineage.openlineage.jsonl"
"""Its name, in the run's folder."""

SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
"""What each event is checked against."""

_CHECKPOINT = "checkpoint"
_FOLDERS = (columns.TRANSLATED, columns.SETS, _CHECKPOINT)
_READS: Mapping[str, tuple[str, ...]] = {
    "translate": (columns.PROMPTS,),
    "score": (columns.TRANSLATED,),
    "rescue": (columns.TRANSLATED, columns.SCORES),
    "check": (columns.TRANSLATED, columns.SCORES, columns.ATTEMPTS),
    "sets": (columns.PROMPTS, columns.KEPT),
    "align": (columns.SETS, columns.PREFERENCES),
    "evaluate": (columns.SETS, _CHECKPOINT),
    "safety": (_CHECKPOINT,),
    "utility": (_CHECKPOINT,),
}
_MODELS: Mapping[str, tuple[str, ...]] = {
    "translate": ("translator",),
    "score": ("language_identifier",),
    "rescue": ("translator", "second_translator", "language_identifier"),
    "align": ("base",),
    "evaluate": ("base",),
    "safety": ("base",),
    "utility": ("base",),
}
_CONTENT = {
    columns.PROMPTS: "prompts",
    columns.PREFERENCES: "preferences",
    columns.TRANSLATED: "translations",
    columns.SCORES: "scores",
    columns.ATTEMPTS: "attempts",
    columns.KEPT: "variants",
    columns.SETS: "sets",
}


def write_events(run: Run, path: Path | None = None) -> Path:
    """Write the events of every stage that is done; a file that says so already is left as it is.

    Args:
        run: its manifest is read.
        path: where to; None is `FILE` in the run's folder.
    """
    path = path or run.path(FILE)
    text = "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in events(run))
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)
    return path


def events(run: Run) -> Iterator[dict[str, Any]]:
    """RunEvents in the order of the stages; the same manifest gives the same events."""
    manifest = run.manifest
    maker = _Maker(run, manifest, lineage_of(run.recipe, manifest))
    for name, record in manifest.stages.items():
        if record.outputs:  # a stage that the recipe leaves out is done, and has made nothing
            yield from maker.events(name, record)


def run_id(name: str, key: str) -> UUID:
    """The id of a stage's run: the same for the same stage and key, so that nothing is told twice."""
    return uuid5(NAMESPACE_URL, f"{NAMESPACE}:{name}:{key}")


class _Maker:
    """Makes the events of one run."""

    def __init__(self, run: Run, manifest: Manifest, lineage: Lineage) -> None:
        self._run, self._manifest, self._lineage = run, manifest, lineage
        self._name = run.recipe.name
        # Every table of the run, with the hashes of its files.
        self._made = {
            name: files for one in manifest.stages.values() for name, files in _tables(one).items()
        }

    def events(self, name: str, record: StageRecord) -> Iterator[dict[str, Any]]:
        """START and COMPLETE of one stage."""
        ended = datetime.fromisoformat(record.finished)
        begun = ended - timedelta(seconds=record.seconds)
        yield self._event("START", begun, name, record)
        yield {
            **self._event("COMPLETE", ended, name, record),
            "inputs": self._inputs(name),
            "outputs": self._outputs(name, record),
        }

    def _event(self, kind: str, when: datetime, name: str, record: StageRecord) -> dict[str, Any]:
        versions = record.versions or {"mlc-data": "unknown"}
        told = {**versions, "recipe_hash": self._lineage.recipe_hash, "stage_key": record.key}
        tags = [
            {"key": key, "value": value, "source": "MLC_DATA"}
            for key, value in told.items()
            if value != "not installed"
        ]
        parent = str(run_id("run", self._lineage.recipe_hash))
        return {
            "eventType": kind,
            "eventTime": when.isoformat(timespec="milliseconds"),
            "producer": PRODUCER,
            "schemaURL": SCHEMA,
            "run": {
                "runId": str(run_id(name, record.key)),
                "facets": {
                    "parent": facet(
                        "ParentRunFacet",
                        run={"runId": parent},
                        job={"namespace": NAMESPACE, "name": self._name},
                    ),
                    "processing_engine": facet(
                        "ProcessingEngineRunFacet", name="mlc-data", version=versions["mlc-data"]
                    ),
                    "tags": facet("TagsRunFacet", tags=tags),
                },
            },
            "job": {
                "namespace": NAMESPACE,
                "name": f"{self._name}.{name}",
                "facets": {
                    "jobType": facet(
                        "JobTypeJobFacet",
                        processingType="BATCH",
                        integration="MLC_DATA",
                        jobType="STAGE",
                    )
                },
            },
            "inputs": [],
            "outputs": [],
        }

    def _inputs(self, name: str) -> list[Dataset]:
        if name == "sources":
            return [source(one) for one in self._lineage.sources]
        tables = [one for one in _READS.get(name, ()) if one in self._made]
        found = [self._dataset(one, self._made[one]) for one in tables]
        roles = _MODELS.get(name, ())
        models = [model(one) for one in self._lineage.models if one.role in roles]
        return [*found, *(one for one in models if one)]

    def _outputs(self, name: str, record: StageRecord) -> list[Dataset]:
        outputs = []
        for table, files in _tables(record).items():
            made = self._dataset(table, files)
            if found := self._origins(name, table, made):
                made["facets"]["columnLineage"] = column_lineage(found)
            rows = self._rows(table)
            made["outputFacets"] = {
                "outputStatistics": facet(
                    "OutputStatisticsOutputDatasetFacet",
                    fileCount=len(files),
                    **({} if rows is None else {"rowCount": rows}),
                )
            }
            outputs.append(made)
        return outputs

    def _dataset(self, table: str, files: Mapping[str, str]) -> Dataset:
        known = _CONTENT.get(table)
        content = getattr(self._manifest.content_hash, known) if known else None
        first = min(files)
        suffix = Path(first).suffix.removeprefix(".")
        facets = {
            "dataSource": facet("DatasourceDatasetFacet", name=f"{NAMESPACE} run {self._name}"),
            "version": facet(
                "DatasetVersionDatasetFacet", datasetVersion=content or hash_value(dict(files))
            ),
        }
        path = self._run.path(first)
        if table != _CHECKPOINT:
            facets["storage"] = facet(
                "StorageDatasetFacet", storageLayer="file", fileFormat=suffix or "unknown"
            )
        if suffix == "parquet" and path.is_file():
            facets["schema"] = schema(dict(pl.read_parquet_schema(path)))
        return {"namespace": NAMESPACE, "name": f"{self._name}/{table}", "facets": facets}

    def _origins(
        self, name: str, table: str, made: Dataset
    ) -> dict[str, list[tuple[str, str, str]]]:
        fields = _columns(made)
        if name == "sources":
            return self._from_source(table, fields)
        inputs = {
            one: _columns(self._dataset(one, self._made[one]))
            for one in _READS.get(name, ())
            if one in self._made
        }
        return {
            column: [(NAMESPACE, f"{self._name}/{one}", field) for one, field in found]
            for column, found in columns.origins(table, fields, inputs).items()
        }

    def _from_source(self, table: str, fields: list[str]) -> dict[str, list[tuple[str, str, str]]]:
        sources = self._run.recipe.sources
        settings = {columns.PROMPTS: sources.prompts}
        settings[columns.PREFERENCES] = sources.preferences or sources.prompts
        if table not in settings:
            return {}
        named = "preferences" if settings[table] is sources.preferences else "prompts"
        read = next(source(one) for one in self._lineage.sources if one.name == named)
        found = columns.source_origins(read["name"], settings[table].columns)
        return {
            column: [(read["namespace"], place, field) for place, field in found[column]]
            for column in fields
            if column in found
        }

    def _rows(self, table: str) -> int | None:
        counts = self._manifest.counts
        known = {
            columns.PROMPTS: counts.prompts,
            columns.PREFERENCES: counts.preferences,
            columns.KEPT: counts.variants,
            columns.SETS: counts.sets,
        }.get(table)
        return known.kept if known else None


def _columns(made: Dataset) -> list[str]:
    return [one["name"] for one in made["facets"].get("schema", {}).get("fields", ())]


def _tables(record: StageRecord) -> dict[str, dict[str, str]]:
    """A stage's outputs by table: files of a folder that is one table go together."""
    found: dict[str, dict[str, str]] = {}
    for path, digest in sorted(record.outputs.items()):
        folder = path.partition("/")[0]
        found.setdefault(folder if folder in _FOLDERS else path, {})[path] = digest
    return found
