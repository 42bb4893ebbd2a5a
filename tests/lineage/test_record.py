"""What `lineage.json` says, held against the files themselves."""

from __future__ import annotations

import hashlib
import json
from importlib import metadata
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from mlc_data.core.paths import local_path
from mlc_data.errors import MlcDataError
from mlc_data.pipeline.lineage.record import FILE, read_lineage
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe

SCHEMA = Path(__file__).parents[2] / "schemas" / "lineage.schema.json"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_whole_chain_is_in_the_checkpoint(finished: Run) -> None:
    found = read_lineage(finished.path("checkpoint", FILE))
    manifest = finished.manifest
    assert found.name == "quickstart"
    assert found.recipe_hash == load_recipe(str(finished.path("recipe.yaml"))).hash
    assert found.content_hash == manifest.content_hash.model_dump(exclude_none=True)
    assert {"prompts", "translations", "variants", "sets"} <= found.content_hash.keys()
    source, pairs = found.sources
    own = local_path("package://mlc_data/quickstart/preferences.jsonl")
    assert (pairs.name, pairs.place) == ("preferences", finished.recipe.sources.preferences.path)
    assert pairs.sha256 == sha256(own)
    assert (source.name, source.place, source.licence) == ("prompts", "prompts.jsonl", "CC-BY-4.0")
    assert source.sha256 == sha256(finished.folder.parent / "prompts.jsonl")
    models = {one.role: one for one in found.models}
    assert list(models) == ["translator", "language_identifier", "base"]
    translator = manifest.models["translator"]
    assert models["translator"].id == translator.id == "mlc-data/phrasebook"
    assert models["translator"].revision == translator.revision
    assert models["translator"].licence == "Apache-2.0"
    assert (models["base"].id, models["base"].revision) == ("base", "0123456789abcdef")
    assert models["base"].licence == "mit"
    names = [stage.name for stage in found.stages]
    assert names == ["sources", "translate", "score", "rescue", "check", "sets", "align"]
    for stage in found.stages:
        assert stage.key == manifest.stages[stage.name].key
        assert stage.versions["ctranslate2"] == metadata.version("ctranslate2")
        assert stage.versions == manifest.stages[stage.name].versions
    assert found.training is not None
    assert found.training.steps == 6


def test_every_other_file_of_the_checkpoint_has_its_hash(finished: Run) -> None:
    folder = finished.path("checkpoint")
    found = read_lineage(folder / FILE)
    files = {path.name: sha256(path) for path in folder.iterdir() if path.name != FILE}
    assert found.files == files
    assert "model.safetensors" in files
    # The record itself is vouched for by the manifest.
    assert finished.manifest.stages["align"].outputs[f"checkpoint/{FILE}"] == sha256(folder / FILE)


def test_it_fits_its_schema_and_tells_no_folder_and_no_time(finished: Run) -> None:
    text = finished.path("checkpoint", FILE).read_text()
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(json.loads(text))
    assert str(finished.folder.parent) not in text
    assert "/home/" not in text
    for record in finished.manifest.stages.values():
        assert record.finished[:10] not in text


def test_the_hash_is_that_of_everything_else(finished: Run) -> None:
    path = finished.path("checkpoint", FILE)
    told = json.loads(path.read_text())
    digest = told.pop("hash")
    text = json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == digest
    found = read_lineage(path)
    other = found.changed(seed=found.seed + 1)
    assert other.seed == found.seed + 1
    assert other.hash == other.digest() != found.hash
    assert other.changed(seed=found.seed) == found


@pytest.mark.parametrize("text", ["", "{}", '{"format_version": 1}', "[]"])
def test_a_file_that_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(MlcDataError, match="is not a record of format 1"):
        read_lineage(tmp_path / FILE)
