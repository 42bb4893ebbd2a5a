"""`mlc-data show`: variants and replies that one can read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mlc_data.cli.main import app
from mlc_data.errors import UsageError
from mlc_data.execute import run_stages
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe

PROMPTS = ["How do I cook rice?", "My flatmate always leaves his laptop unlocked."]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("shown")
    lines = (json.dumps({"prompt": prompt}) for prompt in PROMPTS)
    (folder / "prompts.jsonl").write_text("\n".join(lines))
    settings = [
        f"sources.prompts.path={folder / 'prompts.jsonl'}",
        "translate.cache=null",
        "languages.targets=[swh_Latn, spa_Latn]",
    ]
    made = Run.create(load_recipe("quickstart", settings), folder / "run")
    run_stages(made, "sets")
    return made


@pytest.fixture
def show(run: Run) -> Callable[..., Result]:
    return lambda *arguments: CliRunner().invoke(app, ["show", str(run.folder), *arguments])


def test_a_prompt_stands_above_its_variants(show: Callable[..., Result]) -> None:
    lines = show("--search", "rice", "--language", "spa_Latn").output.splitlines()
    assert lines[0] == "1  How do I cook rice?"
    assert lines[1].strip() == "spa_Latn  kept"
    assert "arroz" in lines[2]


def test_rejected_shows_nothing_that_was_kept(show: Callable[..., Result]) -> None:
    rows = json.loads(show("--rejected", "--json").output)
    assert rows
    assert all(row["status"] != "kept" and row["reasons"] for row in rows)


def test_the_search_reads_the_variant_too(show: Callable[..., Result]) -> None:
    rows = json.loads(show("--search", "ARROZ", "--json").output)
    assert {row["language"] for row in rows} == {"spa_Latn"}


def test_the_limit_counts_prompts(show: Callable[..., Result]) -> None:
    rows = json.loads(show("--limit", "1", "--json").output)
    assert {row["row"] for row in rows} == {1}
    assert len(rows) == 2


def test_nothing_that_fits_is_said(show: Callable[..., Result]) -> None:
    assert show("--search", "submarine").output == "No row fits.\n"


def test_a_language_of_another_run_is_refused(show: Callable[..., Result]) -> None:
    error = show("--language", "fra_Latn").exception
    assert isinstance(error, UsageError)
    assert "its languages: eng_Latn, swh_Latn, spa_Latn" in str(error)


def test_replies_need_an_evaluation(show: Callable[..., Result]) -> None:
    error = show("--replies").exception
    assert isinstance(error, UsageError)
    assert "mlc-data evaluate" in str(error)


def test_without_a_run_nothing_is_shown(tmp_path: Path) -> None:
    assert isinstance(CliRunner().invoke(app, ["show", str(tmp_path)]).exception, UsageError)
