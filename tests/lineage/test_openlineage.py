"""The events, against what the specification 2-0-2 asks for, and against its own Python client."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from support import forget_stages

from mlc_data.lineage.openlineage import FILE, SCHEMA, events, write_events
from mlc_data.pipeline.run import Run

FACET = {
    "type": "object",
    "required": ["_producer", "_schemaURL"],
    "properties": {
        "_producer": {"type": "string", "pattern": "^[a-z]+:"},
        "_schemaURL": {
            "type": "string",
            "pattern": r"^https://openlineage\.io/spec/facets/\d+-\d+-\d+/(\w+)\.json#/\$defs/\w+$",
        },
    },
}
FACETS = {"type": "object", "additionalProperties": FACET}
DATASET = {
    "type": "object",
    "required": ["namespace", "name"],
    "additionalProperties": False,
    "properties": {
        "namespace": {"type": "string", "minLength": 1},
        "name": {"type": "string", "minLength": 1},
        "facets": FACETS,
        "outputFacets": FACETS,
    },
}
EVENT = {
    "type": "object",
    "required": ["eventTime", "producer", "schemaURL", "run", "job"],
    "additionalProperties": False,
    "properties": {
        "eventTime": {"type": "string", "format": "date-time"},
        "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        "producer": {"type": "string", "pattern": "^[a-z]+:"},
        "schemaURL": {
            "const": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
        },
        "run": {
            "type": "object",
            "required": ["runId"],
            "additionalProperties": False,
            "properties": {"runId": {"type": "string", "format": "uuid"}, "facets": FACETS},
        },
        "job": {
            "type": "object",
            "required": ["namespace", "name"],
            "additionalProperties": False,
            "properties": {
                "namespace": {"type": "string"},
                "name": {"type": "string"},
                "facets": FACETS,
            },
        },
        "inputs": {"type": "array", "items": DATASET},
        "outputs": {"type": "array", "items": DATASET},
    },
}  # written from the specification's RunEvent, stricter where it allows what we do not write


def lines(run: Run) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.path(FILE).read_text().splitlines()]


def completed(run: Run) -> dict[str, dict[str, Any]]:
    return {
        one["job"]["name"].partition(".")[2]: one
        for one in lines(run)
        if one["eventType"] == "COMPLETE"
    }


def test_stages_write_events_that_fit_the_specification(finished: Run) -> None:
    found = lines(finished)
    checker = Draft202012Validator(EVENT, format_checker=FormatChecker())
    assert {"date-time", "uuid"} <= set(FormatChecker.checkers)
    for one in found:
        checker.validate(one)
    stages = list(finished.manifest.stages)
    assert [one["job"]["name"] for one in found] == [
        f"quickstart.{name}" for name in stages for _ in range(2)
    ]
    assert [one["eventType"] for one in found] == ["START", "COMPLETE"] * len(stages)
    broken = {**found[0], "eventTime": "yesterday"}
    assert not checker.is_valid(broken)


def test_the_client_of_the_specification_takes_them(finished: Run) -> None:
    """Each event and facet is made again by the classes that are generated from the specification."""
    client = pytest.importorskip("openlineage.client.event_v2")
    facets = pytest.importorskip("openlineage.client.facet_v2")
    kinds: dict[str, Any] = {
        "ColumnLineageDatasetFacet": facets.column_lineage_dataset,
        "DatasetVersionDatasetFacet": facets.dataset_version_dataset,
        "DatasourceDatasetFacet": facets.datasource_dataset,
        "JobTypeJobFacet": facets.job_type_job,
        "OutputStatisticsOutputDatasetFacet": facets.output_statistics_output_dataset,
        "ParentRunFacet": facets.parent_run,
        "ProcessingEngineRunFacet": facets.processing_engine_run,
        "SchemaDatasetFacet": facets.schema_dataset,
        "StorageDatasetFacet": facets.storage_dataset,
        "TagsDatasetFacet": facets.tags_dataset,
        "TagsRunFacet": facets.tags_run,
    }
    seen = set()

    def made(found: dict[str, dict[str, Any]] | None) -> dict[str, Any]:
        again = {}
        for key, one in (found or {}).items():
            kind = one["_schemaURL"].rpartition("/")[2]
            seen.add(kind)
            own = {name: value for name, value in one.items() if not name.startswith("_")}
            again[key] = getattr(kinds[kind], kind)(**own)
            # The version that we name is the one whose fields these are.
            assert again[key]._schemaURL == one["_schemaURL"]
        return again

    for one in lines(finished):
        run = client.Run(one["run"]["runId"], made(one["run"]["facets"]))
        job = client.Job(one["job"]["namespace"], one["job"]["name"], made(one["job"]["facets"]))
        inputs = [
            client.InputDataset(x["namespace"], x["name"], facets=made(x["facets"]))
            for x in one["inputs"]
        ]
        outputs = [
            client.OutputDataset(
                x["namespace"], x["name"], facets=made(x["facets"]),
                outputFacets=made(x["outputFacets"]),
            )
            for x in one["outputs"]
        ]  # fmt: skip
        again = client.RunEvent(
            eventTime=one["eventTime"], producer=one["producer"], run=run, job=job,
            eventType=client.RunState(one["eventType"]), inputs=inputs, outputs=outputs,
        )  # fmt: skip
        assert again.schemaURL == SCHEMA == one["schemaURL"]
    assert seen == kinds.keys()


def test_a_run_has_the_same_id_whenever_it_is_told(finished: Run) -> None:
    assert list(events(finished)) == list(events(finished)) == lines(finished)
    key = finished.manifest.stages["translate"].key
    event = completed(finished)["translate"]
    assert event["run"]["runId"] == str(uuid5(NAMESPACE_URL, f"mlc-data:translate:{key}"))
    ids = [one["run"]["runId"] for one in completed(finished).values()]
    assert len(set(ids)) == len(ids)
    record = finished.manifest.stages["translate"]
    start, end = (
        datetime.fromisoformat(one["eventTime"])
        for one in lines(finished)
        if one["job"]["name"] == "quickstart.translate"
    )
    assert end == datetime.fromisoformat(record.finished)
    assert abs(end - start - timedelta(seconds=record.seconds)) < timedelta(milliseconds=2)


def test_datasets_lead_from_the_source_to_the_checkpoint(finished: Run) -> None:
    found = completed(finished)
    made = {"file/prompts.jsonl"}
    for event in found.values():
        for one in event["inputs"]:
            name = f"{one['namespace']}/{one['name']}"
            outside = one["namespace"] != "mlc-data"
            assert outside or name in made, f"{name} is read before it is written"
        made |= {f"{one['namespace']}/{one['name']}" for one in event["outputs"]}
    assert "mlc-data/quickstart/checkpoint" in made
    sets = found["sets"]["outputs"][0]
    assert sets["name"] == "quickstart/sets"
    assert sets["facets"]["version"]["datasetVersion"] == finished.manifest.content_hash.sets
    assert sets["outputFacets"]["outputStatistics"]["rowCount"] == 1
    fields = {one["name"]: one for one in sets["facets"]["schema"]["fields"]}
    assert fields["variants"]["type"] == "List"
    assert [one["name"] for one in fields["variants"]["fields"]] == ["language", "text"]
    source = found["sources"]["inputs"][0]
    sha = finished.manifest.stages["sources"].notes["identity"]["prompts"]["file"]
    assert source["facets"]["version"]["datasetVersion"] == sha
    tags = {one["key"]: one["value"] for one in source["facets"]["tags"]["tags"]}
    assert tags == {"licence": "CC-BY-4.0"}
    translator = found["translate"]["inputs"][1]
    assert translator["name"] == "mlc-data/phrasebook"


def test_columns_lead_from_a_variant_back_to_the_source(finished: Run) -> None:
    found = {
        one["name"]: one["facets"].get("columnLineage", {}).get("fields", {})
        for event in completed(finished).values()
        for one in event["outputs"]
    }

    def back(table: str, column: str) -> set[tuple[str, str]]:
        fields = found[f"quickstart/{table}"][column]["inputFields"]
        return {(one["name"].removeprefix("quickstart/"), one["field"]) for one in fields}

    assert back("sets", "variants") >= {("variants/variants.parquet", "text")}
    assert back("variants/variants.parquet", "text") == {
        ("translations", "text"),
        ("rescue/attempts.parquet", "text"),
    }
    assert back("translations", "text") == {("prompts.parquet", "prompt")}
    assert back("prompts.parquet", "prompt") == {("prompts.jsonl", "prompt")}
    # Every column that is named is there.
    columns = {
        one["name"]: {field["name"] for field in one["facets"]["schema"]["fields"]}
        for event in completed(finished).values()
        for one in event["outputs"]
        if "schema" in one["facets"]
    }
    for table, fields in found.items():
        for column, told in fields.items():
            assert column in columns[table]
            for one in told["inputFields"]:
                if one["namespace"] == "mlc-data":
                    assert one["field"] in columns[one["name"]], (table, column, one)


def test_no_folder_of_this_machine_is_told_and_an_equal_file_is_left_alone(run: Run) -> None:
    path = write_events(run)
    text = path.read_text()
    assert str(run.folder.parent) not in text
    assert "/home/" not in text
    before = path.stat()
    write_events(run)
    assert path.stat().st_ino == before.st_ino
    forget_stages(run, "align")
    write_events(run)
    assert "quickstart.align" not in path.read_text()
