"""Parts of OpenLineage events: facets, and the names that datasets go by.

Facets and their versions are those of https://openlineage.io/spec/facets, read in November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from mlc_data._version import __version__
from mlc_data.core.paths import PACKAGE
from mlc_data.lineage.record import ModelLineage, SourceLineage

PRODUCER = f"urn:mlc-data:{__version__}"
"""Who made the events: they ask for a URI, and need none that can be fetched."""

NAMESPACE = "mlc-data"
"""Of jobs, and of the datasets that lie in a run's folder."""

HUB = "https://huggingface.co"
"""Namespace of models and data sets at the Hub."""

_SPEC = "https://openlineage.io/spec/facets"
_VERSIONS = {
    "ColumnLineageDatasetFacet": "1-2-0",
    "DatasetVersionDatasetFacet": "1-0-1",
    "DatasourceDatasetFacet": "1-0-1",
    "JobTypeJobFacet": "2-0-4",
    "OutputStatisticsOutputDatasetFacet": "1-0-2",
    "ParentRunFacet": "1-2-0",
    "ProcessingEngineRunFacet": "1-1-1",
    "SchemaDatasetFacet": "1-2-0",
    "StorageDatasetFacet": "1-0-1",
    "TagsDatasetFacet": "1-0-0",
    "TagsRunFacet": "1-0-0",
}

Facet = dict[str, Any]
Dataset = dict[str, Any]


def facet(kind: str, **values: Any) -> Facet:
    """A facet with what every facet must have.

    Args:
        kind: its name in the specification, for example ``SchemaDatasetFacet``.
        values: its own fields.
    """
    url = f"{_SPEC}/{_VERSIONS[kind]}/{kind}.json#/$defs/{kind}"
    return {"_producer": PRODUCER, "_schemaURL": url, **values}


def source(found: SourceLineage) -> Dataset:
    """A source as an input: at the Hub, or a file that is known by its name and hash alone."""
    at_hub = found.fingerprint is not None
    name = f"datasets/{found.place}" if at_hub else found.place
    version = found.sha256 or found.revision or found.fingerprint
    return _outside(name, HUB if at_hub else "file", version, found.licence)


def model(found: ModelLineage) -> Dataset | None:
    """A model as an input; None where the manifest does not know it."""
    if found.id is None:
        return None
    # A folder and a repository both read organisation/name: only a commit is as long as that.
    at_hub = len(found.revision or "") == 40 and not found.id.startswith(PACKAGE)
    return _outside(found.id, HUB if at_hub else "file", found.revision, found.licence)


def _outside(name: str, namespace: str, version: str | None, licence: str) -> Dataset:
    uri = f"{HUB}/{name}" if namespace == HUB else None
    tags = [{"key": "licence", "value": licence, "source": "MLC_DATA"}]
    facets = {
        "dataSource": facet("DatasourceDatasetFacet", name=name, **({"uri": uri} if uri else {})),
        "tags": facet("TagsDatasetFacet", tags=tags),
    }
    if version:
        facets["version"] = facet("DatasetVersionDatasetFacet", datasetVersion=version)
    return {"namespace": namespace, "name": name, "facets": facets}


def schema(columns: Mapping[str, pl.DataType]) -> Facet:
    """The columns of a table, with polars' names of their types; structs and lists with their fields."""
    return facet("SchemaDatasetFacet", fields=[_field(name, columns[name]) for name in columns])


def _field(name: str, kind: pl.DataType) -> Facet:
    inner = kind.inner if isinstance(kind, pl.List) else kind
    made: Facet = {"name": name, "type": str(kind.base_type())}
    if isinstance(inner, pl.Struct):
        fields = [_field(one.name, _instance(one.dtype)) for one in inner.fields]
        made["fields"] = fields
    return made


def _instance(kind: Any) -> pl.DataType:
    made: pl.DataType = kind() if isinstance(kind, type) else kind
    return made


def column_lineage(fields: Mapping[str, list[tuple[str, str, str]]]) -> Facet:
    """Which columns a column was made from.

    Args:
        fields: by output column the input columns, each as namespace, dataset and column.
    """
    return facet(
        "ColumnLineageDatasetFacet",
        fields={
            name: {
                "inputFields": [
                    {"namespace": namespace, "name": dataset, "field": column}
                    for namespace, dataset, column in found
                ]
            }
            for name, found in fields.items()
        },
    )
