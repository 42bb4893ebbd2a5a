"""OpenLineage events: the specification 2-0-2, column lineage, the file, and a server."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from jsonschema import Draft202012Validator, FormatChecker
from support import forget_stages

from mlc_data.errors import UsageError
from mlc_data.lineage import openlineage
from mlc_data.lineage.openlineage import FILE, export_events, write_events
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
        "inputFacets": FACETS,
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


def test_a_stage_keeps_its_run_id(finished: Run) -> None:
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


def test_the_file_names_no_folder_and_an_equal_one_is_left_alone(run: Run) -> None:
    write_events(run)
    path = run.path(FILE)
    text = path.read_text()
    assert str(run.folder.parent) not in text
    assert "/home/" not in text
    before = path.stat()
    write_events(run)
    assert path.stat().st_ino == before.st_ino
    forget_stages(run, "align")
    write_events(run)
    assert "quickstart.align" not in path.read_text()


class Catalog(BaseHTTPRequestHandler):
    """Takes events, or fails with ``status``."""

    taken: list[dict[str, Any]]
    status = 201

    def do_POST(self) -> None:
        self.taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing to the terminal."""


@pytest.fixture
def catalog(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Catalog]]:
    handler = type("Handler", (Catalog,), {"taken": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    # In the long form: OPENLINEAGE_URL would be copied into the environment by the client.
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "http")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__URL", f"http://127.0.0.1:{server.server_port}")
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


def test_new_events_are_sent_once_to_the_configured_server(
    run: Run, catalog: type[Catalog]
) -> None:
    whole = run.path(FILE).read_text()
    write_events(run)
    assert catalog.taken == []
    run.path(FILE).write_text("".join(whole.splitlines(keepends=True)[:-2]))
    write_events(run)
    assert [one["eventType"] for one in catalog.taken] == ["START", "COMPLETE"]
    assert {one["job"]["name"] for one in catalog.taken} == {"quickstart.align"}
    assert run.path(FILE).read_text() == whole


def test_a_server_that_fails_is_logged_and_the_file_is_written(
    run: Run,
    catalog: type[Catalog],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__RETRY", '{"total": 1, "backoff_factor": 0}')
    catalog.status = 500
    run.path(FILE).unlink()
    write_events(run)
    assert "the server did not take the events" in caplog.text
    assert len(lines(run)) == 2 * 7


def test_without_the_extra_an_export_says_how_to_install_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(openlineage, "_is_installed", lambda: False)
    run.path(FILE).unlink()
    with pytest.raises(UsageError, match=r"pip install .*\[openlineage\]'"):
        export_events(run, tmp_path / "events.jsonl")
    write_events(run)
    assert not run.path(FILE).exists()
    assert caplog.messages == []
    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:9")
    with caplog.at_level(logging.WARNING):
        write_events(run)
    assert "pip install" in caplog.text
