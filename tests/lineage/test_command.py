"""`mlc-data lineage` as it is typed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mlc_data.cli.main import app
from mlc_data.errors import UsageError
from mlc_data.lineage.openlineage import FILE as EVENTS
from mlc_data.pipeline.run import Run


def call(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["lineage", *map(str, arguments)])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


def test_the_chain_is_told_in_lines(finished: Run, tmp_path: Path) -> None:
    folder = shutil.copytree(finished.path("checkpoint"), tmp_path / "copy")
    said = call(folder).splitlines()
    manifest = finished.manifest
    assert f"data set: {manifest.content_hash.sets}" in said
    assert f"recipe: quickstart, {finished.recipe.hash}" in said
    assert "checkpoint: dpo, layer 2, 6 steps, 8 pairs, 1 variant sets, seed 17" in [
        line.replace(f"seed {finished.recipe.seed}", "seed 17") for line in said
    ]
    translator = manifest.models["translator"]
    assert (
        f"translator: mlc-data/phrasebook, revision {translator.revision}, license Apache-2.0"
        in said
    )
    assert "base: base, revision 0123456789abcdef, license mit" in said
    assert any(line.startswith("prompts: prompts.jsonl, SHA-256 ") for line in said)
    (versions,) = [line for line in said if line.startswith("versions: ")]
    assert "sources, translate, score, rescue, check, sets, align" in versions
    assert said[-1] == "nothing is missing, and nothing was changed since"


def test_json_has_everything(finished: Run) -> None:
    told: dict[str, Any] = json.loads(call(finished.folder, "--json", "--row", "1"))
    own = json.loads(finished.path("checkpoint", "lineage.json").read_text())
    assert told["lineage"] == own
    assert told["findings"] == []
    assert told["published"] is None
    assert told["row"]["source"]["place"] == "prompts.jsonl"
    assert {one["language"] for one in told["row"]["variants"]} == {"swh_Latn", "spa_Latn"}
    model = told["row"]["variants"][0]["attempts"][0]["model"]
    assert (model["role"], model["id"]) == ("translator", "mlc-data/phrasebook")


def test_a_row_is_told_with_scores_beside_thresholds(finished: Run) -> None:
    said = call(finished.path("checkpoint"), "--row", 1, "--language", "spa_Latn")
    assert "row 1 of prompts.jsonl" in said
    assert "prompt: How do I cook rice?" in said
    assert "spa_Latn: kept" in said
    assert "swh_Latn: kept" not in said
    assert "decoding: beam_size " in said
    assert "passes" in said
    assert "rejected: missing" in call(finished.folder, "--row", 3)


def test_a_change_is_told_and_ends_with_1(run: Run) -> None:
    run.path("checkpoint", "model.safetensors").write_bytes(b"other")
    said = call(run.folder, code=1)
    assert "checkpoint/model.safetensors: changed since: SHA-256 was " in said
    told = json.loads(call(run.path("checkpoint"), "--json", code=1))
    assert [one["kind"] for one in told["findings"]] == ["changed"]


def test_events_are_written_into_the_run_and_to_a_file(run: Run, tmp_path: Path) -> None:
    run.path(EVENTS).unlink()
    call(run.folder, "--openlineage", tmp_path / "events.jsonl")
    text = (tmp_path / "events.jsonl").read_text()
    assert text == run.path(EVENTS).read_text()
    assert len(text.splitlines()) == 2 * 7


def test_what_a_checkpoint_alone_cannot_tell_is_refused(finished: Run, tmp_path: Path) -> None:
    folder = shutil.copytree(finished.path("checkpoint"), tmp_path / "copy")
    for options in (("--row", "1"), ("--openlineage", "x.jsonl")):
        with pytest.raises(UsageError, match="is a checkpoint alone: name the run's folder"):
            call(folder, *options)
    with pytest.raises(UsageError, match="--language goes with --row"):
        call(folder, "--language", "spa_Latn")
