"""Two runs side by side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import write_jsonl
from typer.testing import CliRunner

from mlc_data.cli.main import app
from mlc_data.execute import run_stage
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import parse_recipe
from mlc_data.report.compare import NONE, compare


@pytest.fixture
def runs(tmp_path: Path, small: dict[str, object]) -> tuple[Run, Run]:
    """The same recipe with one prompt, and with two prompts and a language less."""
    made = []
    for name, number in (("one", 1), ("two", 2)):
        rows = [{"prompt": f"How do I boil {each} eggs?"} for each in range(number)]
        path = write_jsonl(tmp_path / f"{name}.jsonl", rows)
        small["sources"] = {"prompts": {"path": str(path)}}
        small["languages"] = {"targets": ["spa_Latn", "swh_Latn"][: 3 - number]}
        run = Run.create(parse_recipe(small, "test"), tmp_path / name)
        run_stage(run, "sources")
        made.append(run)
    return made[0], made[1]


def test_counts_stand_side_by_side(runs: tuple[Run, Run]) -> None:
    parts = compare(*runs).as_dict()["parts"]
    assert parts["kept"] == [{"name": "prompts", "first": "1 of 1", "second": "2 of 2"}]


def test_only_settings_that_differ_are_shown_without_folders(
    runs: tuple[Run, Run], tmp_path: Path
) -> None:
    lines = compare(*runs).as_dict()["parts"]["settings"]
    names = {line["name"] for line in lines}
    assert names == {"languages.targets", "sources.prompts.path"}
    assert str(tmp_path) not in json.dumps(lines)


def test_runs_of_one_recipe_are_told_apart_by_their_folders(runs: tuple[Run, Run]) -> None:
    assert compare(*runs).names == ("one", "two")


def test_what_one_run_lacks_is_a_dash(runs: tuple[Run, Run]) -> None:
    manifest = runs[0].manifest
    manifest.results = {"before": {"loss": 0.5}}
    with runs[0].locked():
        runs[0].store(manifest)
    lines = compare(*runs).as_dict()["parts"]["held-out sets"]
    assert [(line["first"], line["second"]) for line in lines] == [("0.5000", NONE)]


def test_the_command_prints_json_and_writes_a_page(runs: tuple[Run, Run], tmp_path: Path) -> None:
    page = tmp_path / "compared.html"
    folders = [str(run.folder) for run in runs]
    done = CliRunner().invoke(app, ["compare", *folders, "--json", "--out", str(page)])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["runs"] == ["one", "two"]
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "languages.targets" in text
