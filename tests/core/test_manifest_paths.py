"""A manifest, or a publication's record, may come from a stranger: its paths stay inside the folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mlc_data.core.manifest import read_manifest
from mlc_data.errors import MlcDataError
from mlc_data.publish.record import read_publication

OUTSIDE = [
    "../victim.txt", "/etc/passwd", "sets/../../victim.txt", "..", "", "C:/victim.txt", "..\\victim.txt", "\\\\host\\x",
]  # fmt: skip


def stage(path: str) -> dict[str, Any]:
    return {"key": "k", "seconds": 1, "finished": "", "outputs": {path: "0" * 64}}


@pytest.mark.parametrize("path", OUTSIDE)
def test_outputs_outside_are_refused(tmp_path: Path, path: str) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps({"stages": {"sets": stage(path)}}))
    with pytest.raises(MlcDataError, match="is not a manifest"):
        read_manifest(file)


@pytest.mark.parametrize("name", ["..", "../x", "a/b", "", ".hidden"])
def test_trainings_outside_are_refused(tmp_path: Path, name: str) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps({"trainings": {name: {"stages": {}}}}))
    with pytest.raises(MlcDataError, match="is not a manifest"):
        read_manifest(file)


@pytest.mark.parametrize("path", ["sets/train-00000-of-00001.parquet", "checkpoint/a b..c", "x"])
def test_paths_inside_are_read(tmp_path: Path, path: str) -> None:
    file = tmp_path / "manifest.json"
    file.write_text(json.dumps({"stages": {"sets": stage(path)}, "trainings": {"sft-1.5": {}}}))
    assert path in read_manifest(file).stages["sets"].outputs


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_publication_s_files_outside_are_refused(path: str) -> None:
    content = {
        "kind": "dataset", "name": "x", "content_hash": "", "content": {}, "licence": "MIT", "parts": [],
        "recipe_hash": "", "files": [path],
    }  # fmt: skip
    with pytest.raises(MlcDataError, match="is not a record"):
        read_publication(json.dumps(content).encode(), "publication.json")
