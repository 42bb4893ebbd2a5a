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
from mlc_data.evaluate.safety.tables import (
    BY_LANGUAGE,
    OVER_LANGUAGES,
    REPLIES,
    SAFETY,
    judgment_rows,
    safety_rows,
)
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


def test_every_prompt_set_has_tables_of_its_own(tmp_path: Path, small: dict[str, Any]) -> None:
    recipe = {**small, "evaluate": {"safety": {"prompts": [{}, {"path": "xstest.csv"}]}}}
    run = Run.create(parse_recipe(recipe, "test"), tmp_path / "run")
    run.path("evaluation").mkdir()
    rows = [
        {
            "when": when, "prompt_id": prompt, "language": "swh_Latn", "prompt": "p", "category": None, "harmful": True,
            "reply": "r", "tokens": 1, "finished": True, "invalid": None, "reply_language": None, "same_language": None,
        }
        for when in ("before", "after")
        for prompt in ("0a", "1:1", "1:2")
    ]  # fmt: skip
    replies = pl.DataFrame(rows, schema=REPLIES)
    said = [
        {"unsafe": None, "refused": row["prompt_id"] != "0a", "detail": "", "failure": None} for row in rows
    ]  # fmt: skip
    judged = judgment_rows(replies, "phrases", said)
    for name, table in (("replies", replies), ("judgments", judged), ("safety", safety_rows(judged, replies, 100, 0.95))):  # fmt: skip
        table.write_parquet(run.path("evaluation", f"{name}.parquet"))
    console = Console(width=80, file=io.StringIO())
    for part in safety_tables(run):
        console.print(part)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    titles = [line.strip() for line in text.splitlines() if "judged by phrases" in line]
    assert titles == [
        "3 prompts in 1 language, judged by phrases",
        "held-out sets: 1 prompt in 1 language, judged by phrases",
        "xstest: 2 prompts in 1 language, judged by phrases",
    ]
    assert text.count("1.00→1.00") == 1
    assert "xstest, over all languages" in " ".join(text.split())
