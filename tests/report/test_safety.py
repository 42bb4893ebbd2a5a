"""The tables of replies fit a terminal of 80 columns and say what the files say."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from mlc_data.evaluate.safety.tables import BY_LANGUAGE, OVER_LANGUAGES, SAFETY
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import parse_recipe
from mlc_data.report.safety import safety_tables


@pytest.fixture
def run(tmp_path: Path, small: dict[str, Any]) -> Run:
    made = Run.create(parse_recipe(small, "test"), tmp_path / "run")
    made.path("evaluation").mkdir()
    head = {"judge": "refusal-phrases", "low": 0.1, "high": 0.9}
    rows = [
        {**head, "when": when, "language": language, "figure": name, "value": value}
        for when, value in (("before", 0.25), ("after", 0.75))
        for language, names in (("swh_Latn", BY_LANGUAGE), (None, OVER_LANGUAGES))
        for name in names
    ]
    pl.DataFrame(rows, schema=SAFETY).write_parquet(made.path("evaluation", "safety.parquet"))
    counts = {"counts": {"prompts": {"asked": 7}}}
    made.path("evaluation", "safety.json").write_text(json.dumps(counts))
    return made


def test_tables_fit_and_show_before_and_after(run: Run) -> None:
    console = Console(width=80, file=io.StringIO())
    for table in safety_tables(run):
        console.print(table)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "swh_Latn" in text
    assert "7 prompts, judged by refusal-phrases" in text
    assert text.count("0.25→0.75") == 5
    assert "0.75 [0.10, 0.90]" in text
    assert "…" not in text


def test_the_agreement_of_two_judges_is_shown_with_its_n(run: Run) -> None:
    head = {"first": "a/guard", "second": "b/guard"}
    rows = [
        {**head, "language": "swh_Latn", "n": 12, "share": 0.75, "kappa": 0.5},
        {**head, "language": None, "n": 13, "share": 1.0, "kappa": None},
    ]
    manifest = run.manifest
    manifest.results["safety"] = {"judges_agree": rows}
    with run.locked():
        run.store(manifest)
    console = Console(width=80, file=io.StringIO())
    for table in safety_tables(run):
        console.print(table)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    cells = [re.findall(r"[\w.-]+", line) for line in lines]
    assert any("a/guard and b/guard" in line for line in lines)
    assert ["swh_Latn", "12", "0.75", "0.50"] in cells
    assert ["all", "13", "1.00", "-"] in cells


def test_without_an_evaluation_there_are_no_tables(tmp_path: Path, small: dict[str, Any]) -> None:
    assert list(safety_tables(Run.create(parse_recipe(small, "test"), tmp_path / "run"))) == []
