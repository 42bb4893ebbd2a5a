"""The tables of replies fit a terminal of 80 columns and say what the files say."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from mlc_data.core.manifest import StageRecord
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


def _printed(run: Run) -> str:
    console = Console(width=100, file=io.StringIO())
    for part in safety_tables(run):
        console.print(part)
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def test_the_difference_is_shown_by_language_with_intervals(run: Run) -> None:
    row = next(line for line in _printed(run).splitlines() if line.split()[:1] == ["mean"])
    assert row.split(maxsplit=1)[1].split("  ")[0].strip() == "0.25 [0.10, 0.90]"
    assert "0.75 [0.10, 0.90]" in row


def test_another_judged_training_stands_beside_it(run: Run) -> None:
    _add_training(run, "without_mlc", value=0.5, judged=True)
    row = next(line for line in _printed(run).splitlines() if line.split()[:1] == ["mean"])
    assert "0.50 [0.20, 0.80]" in row


def test_a_training_whose_judgments_no_longer_count_is_left_out(run: Run) -> None:
    _add_training(run, "stale", value=0.5, judged=False)
    assert "stale" not in _printed(run)


def _add_training(run: Run, name: str, *, value: float, judged: bool) -> None:
    """Give the run a named training with judged replies, all figures ``value``."""
    own = replace(run, training=name)
    own.path("evaluation").mkdir(parents=True)
    rows = pl.read_parquet(run.path("evaluation", "safety.parquet")).with_columns(
        value=value, low=value - 0.3, high=value + 0.3
    )
    rows.write_parquet(own.path("evaluation", "safety.parquet"))
    manifest = own.manifest
    if judged:
        manifest.stages["safety"] = StageRecord(
            key="0" * 64, seconds=1.0, finished="2026-11-27T00:00:00Z", outputs={}
        )
    own.store(manifest)


def test_without_an_evaluation_there_are_no_tables(tmp_path: Path, small: dict[str, Any]) -> None:
    assert list(safety_tables(Run.create(parse_recipe(small, "test"), tmp_path / "run"))) == []
