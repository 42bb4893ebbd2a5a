"""The OpenLineage events of a run, built with the classes of ``openlineage-python``."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import polars as pl
from openlineage.client import facet_v2 as facet
from openlineage.client.event_v2 import (
    InputDataset,
    Job,
    OutputDataset,
    RunEvent,
    RunState,
    set_producer,
)
from openlineage.client.event_v2 import Run as EventRun

from mlc_data._version import __version__
from mlc_data.core.hashing import hash_value
from mlc_data.core.manifest import StageRecord
from mlc_data.core.parquet import scan_parquet
from mlc_data.core.paths import PACKAGE
from mlc_data.core.records import KEYS, TRANSLATIONS, VARIANTS
from mlc_data.pipeline.lineage.build import lineage_of
from mlc_data.pipeline.lineage.record import ModelLineage, SourceLineage
from mlc_data.pipeline.run import Run
from mlc_data.recipe.sources import Columns
from mlc_data.stages import NAMES, STAGES, named

log = logging.getLogger(__name__)

PRODUCER = f"urn:mlc-data:{__version__}"
"""URI of the producer; it need not be reachable."""

NAMESPACE = "mlc-data"
"""Namespace of jobs, and of the datasets in a run's folder."""

HUB = "https://huggingface.co"
"""Namespace of models and data sets on the Hub."""

_SOURCE = "MLC_DATA"

PROMPTS = "prompts.parquet"
PREFERENCES = "preferences.parquet"
TRANSLATED = "translations"
SCORES = "scores/scores.parquet"
ATTEMPTS = "rescue/attempts.parquet"
KEPT = "variants/variants.parquet"
REJECTED = "rejected/variants.parquet"
SETS = "sets"
CHECKPOINT = "checkpoint"

_FOLDERS = (TRANSLATED, SETS, CHECKPOINT)
_CONTENT = {table: part for stage in STAGES for table, part in stage.content.items()}

_COUNTED = (PROMPTS, PREFERENCES, KEPT, SETS)

Origin = tuple[str, str]
"""A table (or another dataset) and one of its columns."""


def build_events(run: Run) -> Iterator[RunEvent]:
    """Yield START and COMPLETE of each finished stage; the same manifest gives the same events."""
    builder = _Builder(run)
    for name, record in builder.manifest.stages.items():
        if record.outputs:  # a stage that the recipe leaves out has none
            yield from builder.events(name, record)


def run_id(name: str, key: str) -> UUID:
    """Return the id of a stage's run: the same for the same stage and key."""
    return uuid5(NAMESPACE_URL, f"{NAMESPACE}:{name}:{key}")


class _Builder:
    """Builds the events of one run."""

    def __init__(self, run: Run) -> None:
        set_producer(PRODUCER)
        self.run, self.manifest = run, run.manifest
        self.name = run.recipe.name
        self.lineage = lineage_of(run.recipe, self.manifest)
        # Every table of the run, with the hashes of its files.
        self.tables = {
            name: files
            for record in self.manifest.stages.values()
            for name, files in _tables(record).items()
        }

    def events(self, name: str, record: StageRecord) -> Iterator[RunEvent]:
        """Yield START and COMPLETE of one stage."""
        end = datetime.fromisoformat(record.finished)
        start = end - timedelta(seconds=record.seconds)
        yield self._event(RunState.START, start, name, record)
        complete = self._event(RunState.COMPLETE, end, name, record)
        complete.inputs = self._inputs(name)
        complete.outputs = self._outputs(name, record)
        yield complete

    def _event(self, state: RunState, time: datetime, name: str, record: StageRecord) -> RunEvent:
        versions = record.versions or {"mlc-data": "unknown"}
        recipe_hash = self.lineage.recipe_hash
        tags = {**versions, "recipe_hash": recipe_hash, "stage_key": record.key}
        parent = facet.parent_run.ParentRunFacet(
            run=facet.parent_run.Run(str(run_id("run", recipe_hash))),
            job=facet.parent_run.Job(NAMESPACE, self.name),
        )
        engine = facet.processing_engine_run.ProcessingEngineRunFacet(
            versions["mlc-data"], "mlc-data"
        )
        known = {key: value for key, value in tags.items() if value != "not installed"}
        fields = [facet.tags_run.TagsRunFacetFields(*tag, _SOURCE) for tag in known.items()]
        run_tags = facet.tags_run.TagsRunFacet(fields)
        return RunEvent(
            eventTime=time.isoformat(timespec="milliseconds"),
            eventType=state,
            producer=PRODUCER,
            run=EventRun(
                str(run_id(name, record.key)),
                {"parent": parent, "processing_engine": engine, "tags": run_tags},
            ),
            job=Job(
                NAMESPACE,
                f"{self.name}.{name}",
                {"jobType": facet.job_type_job.JobTypeJobFacet("BATCH", _SOURCE, "STAGE")},
            ),
            inputs=[],
            outputs=[],
        )

    def _inputs(self, name: str) -> list[InputDataset]:
        if name == "sources":
            return [_source(source) for source in self.lineage.sources]
        tables = [
            InputDataset(NAMESPACE, f"{self.name}/{table}", facets=self._facets(table))
            for table in self._read_by(name)
        ]
        roles = named(name).models if name in NAMES else ()
        used = [model for model in self.lineage.models if model.role in roles and model.id]
        return [*tables, *map(_model, used)]

    def _outputs(self, name: str, record: StageRecord) -> list[OutputDataset]:
        outputs = []
        for table, files in _tables(record).items():
            facets = self._facets(table)
            if origins := self._origins(name, table):
                lineage = facet.column_lineage_dataset
                fields = {
                    column: lineage.Fields([lineage.InputField(*origin) for origin in known])
                    for column, known in origins.items()
                }
                facets["columnLineage"] = lineage.ColumnLineageDatasetFacet(fields)
            counts = getattr(self.manifest.counts, _CONTENT[table]) if table in _COUNTED else None
            statistics = facet.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
                rowCount=counts.kept if counts else None, fileCount=len(files)
            )
            outputs.append(
                OutputDataset(
                    NAMESPACE,
                    f"{self.name}/{table}",
                    facets=facets,
                    outputFacets={"outputStatistics": statistics},
                )
            )
        return outputs

    def _facets(self, table: str) -> dict[str, facet.DatasetFacet]:
        files = self.tables[table]
        part = _CONTENT.get(table)
        content = getattr(self.manifest.content_hash, part) if part else None
        facets: dict[str, facet.DatasetFacet] = {
            "dataSource": facet.datasource_dataset.DatasourceDatasetFacet(
                f"{NAMESPACE} run {self.name}"
            ),
            "version": facet.dataset_version_dataset.DatasetVersionDatasetFacet(
                content or hash_value(dict(files))
            ),
        }
        if table != CHECKPOINT:
            suffix = Path(min(files)).suffix.removeprefix(".") or "unknown"
            facets["storage"] = facet.storage_dataset.StorageDatasetFacet("file", suffix)
        if columns := self._columns(table):
            facets["schema"] = facet.schema_dataset.SchemaDatasetFacet(
                [_field(name, kind) for name, kind in columns.items()]
            )
        return facets

    def _columns(self, table: str) -> dict[str, pl.DataType]:
        path = self.run.path(min(self.tables[table]))
        if path.suffix != ".parquet" or not path.is_file():
            return {}
        try:
            return dict(scan_parquet(path).collect_schema())
        except (pl.exceptions.PolarsError, OSError) as error:
            # A table that was harmed: its own stage notices by checksum, says so, and makes it again.
            log.debug("%s has no readable schema: %s", path, error)
            return {}

    def _read_by(self, name: str) -> list[str]:
        reads = named(name).reads if name in NAMES else ()
        return [table for table in reads if table in self.tables]

    def _origins(self, name: str, table: str) -> dict[str, list[tuple[str, str, str]]]:
        """Return by column of ``table`` its sources, each as namespace, dataset and column."""
        columns = self._columns(table)
        if name == "sources":
            return self._source_origins(table, columns)
        inputs = {read: self._columns(read) for read in self._read_by(name)}
        origins = {
            column: [
                (NAMESPACE, f"{self.name}/{source}", field)
                for source, field in column_origins(table, column)
                if field in inputs.get(source, ())
            ]
            for column in columns
        }
        return {column: known for column, known in origins.items() if known}

    def _source_origins(
        self, table: str, columns: Collection[str]
    ) -> dict[str, list[tuple[str, str, str]]]:
        sources = self.run.recipe.sources
        if table not in (PROMPTS, PREFERENCES):
            return {}
        pairs = sources.preferences if table == PREFERENCES else None
        wanted = "preferences" if pairs else "prompts"
        dataset = next(_source(each) for each in self.lineage.sources if each.name == wanted)
        fields = _source_columns((pairs or sources.prompts).columns)
        return {
            column: [(dataset.namespace, dataset.name, field) for field in fields[column]]
            for column in columns
            if column in fields
        }


def column_origins(table: str, column: str) -> list[Origin]:
    """Return the columns that a column of one of the run's tables is computed from, as far as known."""
    texts = ("text", "source", "back_translation")
    if table == TRANSLATED:
        origin = {**dict.fromkeys((*texts, "segments"), "prompt"), "prompt_id": "prompt_id"}
        return [(PROMPTS, origin[column])] if column in origin else []
    if table == SCORES:
        return [(TRANSLATED, name) for name in ([column] if column in KEYS else texts)]
    if table == ATTEMPTS:
        return [(TRANSLATED, column if column in KEYS else "source")]
    if table in (KEPT, REJECTED):
        return [(name, column) for name in _verdict_tables(column)]
    return _set_origins(column) if table == SETS else []


def _set_origins(column: str) -> list[Origin]:
    if column in ("variants", "missing"):
        names = ("language", "text") if column == "variants" else ("language",)
        return [(KEPT, name) for name in names]
    copied = ("prompt_id", "prompt", "category", "chosen", "rejected")
    return [(PROMPTS, column)] if column in copied else []


def _verdict_tables(column: str) -> tuple[str, ...]:
    """Return the tables that the stage `check` takes a column from: rescue attempts replace first translations."""
    if column in KEYS:
        return (TRANSLATED,)
    if column in TRANSLATIONS:
        return (TRANSLATED, ATTEMPTS)
    return (ATTEMPTS,) if column in VARIANTS else (SCORES, ATTEMPTS)


def _source_columns(columns: Columns) -> dict[str, list[str]]:
    """Return the columns of a source by the column of `PROMPTS` or `PREFERENCES` that they fill."""
    filled: dict[str, list[str | None]] = {
        "prompt_id": [columns.prompt],
        "prompt": [columns.prompt],
        "category": [columns.category],
        "chosen": [columns.chosen],
        "rejected": [columns.rejected],
    }
    if columns.responses and columns.chosen_index:
        both = [*columns.responses, columns.chosen_index]
        filled |= {"chosen": [*both], "rejected": [*both]}
    named = {column: [name for name in names if name] for column, names in filled.items()}
    return {column: names for column, names in named.items() if names}


def _source(source: SourceLineage) -> InputDataset:
    """Return a source as an input: a data set of the Hub, or a file known by its name and hash."""
    at_hub = source.fingerprint is not None
    name = f"datasets/{source.place}" if at_hub else source.place
    version = source.sha256 or source.revision or source.fingerprint
    return _external(name, at_hub, version, source.licence)


def _model(model: ModelLineage) -> InputDataset:
    """Return a model as an input."""
    name = str(model.id)
    # A folder and a repository both read organisation/name: only a commit has 40 digits.
    at_hub = len(model.revision or "") == 40 and not name.startswith(PACKAGE)
    return _external(name, at_hub, model.revision, model.licence)


def _external(name: str, at_hub: bool, version: str | None, license: str) -> InputDataset:
    tag = facet.tags_dataset.TagsDatasetFacetFields("licence", license, _SOURCE)
    facets: dict[str, facet.DatasetFacet] = {
        "dataSource": facet.datasource_dataset.DatasourceDatasetFacet(
            name, f"{HUB}/{name}" if at_hub else None
        ),
        "tags": facet.tags_dataset.TagsDatasetFacet([tag]),
    }
    if version:
        facets["version"] = facet.dataset_version_dataset.DatasetVersionDatasetFacet(version)
    return InputDataset(HUB if at_hub else "file", name, facets=facets)


def _field(name: str, kind: Any) -> facet.schema_dataset.SchemaDatasetFacetFields:
    """Return a column with polars' name of its type; structs, and lists of them, with their fields."""
    inner = kind.inner if isinstance(kind, pl.List) else kind
    fields = inner.fields if isinstance(inner, pl.Struct) else ()
    base = kind if isinstance(kind, type) else kind.base_type()
    return facet.schema_dataset.SchemaDatasetFacetFields(
        name, str(base), fields=[_field(field.name, field.dtype) for field in fields]
    )


def _tables(record: StageRecord) -> dict[str, dict[str, str]]:
    """Return the outputs of a stage by table; the files of a folder that is one table go together."""
    tables: dict[str, dict[str, str]] = {}
    for path, digest in sorted(record.outputs.items()):
        folder = path.partition("/")[0]
        tables.setdefault(folder if folder in _FOLDERS else path, {})[path] = digest
    return tables
