"""The stage with states that are given to it: what is written, and when it is done again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from support import forget_stages, put

from mlc_data.core.hashing import hash_rows, prompt_id
from mlc_data.core.parquet import read_table, write_table
from mlc_data.core.records import SETS
from mlc_data.errors import UsageError
from mlc_data.evaluate.representations import CONSISTENCY, ConsistencyStage
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import StageResult, do
from mlc_data.pipeline.staging import Staging
from mlc_data.recipe.loading import parse_recipe

CODES = ("eng_Latn", "spa_Latn", "swh_Latn", "zho_Hans")


@pytest.fixture
def run(tmp_path: Path, small: dict[str, Any]) -> Run:
    small["evaluate"] = {"max_sets": 3}
    return fill(Run.create(parse_recipe(small, "test"), tmp_path / "run"), 5)


def fill(run: Run, held_out: int) -> Run:
    rows = [
        {
            "prompt_id": prompt_id(str(number)),
            "prompt": str(number),
            "language": "eng_Latn",
            "variants": [{"language": code, "text": code} for code in CODES[1:]],
            "missing": [],
        }
        for number in range(held_out)
    ]
    sets = pl.DataFrame(rows, schema=SETS)

    def work(staging: Staging) -> StageResult:
        write_table(sets, staging.path("sets", "test-00000-of-00001.parquet"), SETS)
        return StageResult(content_hash={"sets": hash_rows(sets.iter_rows(named=True))})

    def train(staging: Staging) -> StageResult:
        staging.path("checkpoint", "config.json").write_text("{}")
        return StageResult()

    with run.locked():
        put(run, "sets", {}, ("sets",), work)
        put(run, "align", {}, ("checkpoint",), train)
    return run


class Scripted(ConsistencyStage):
    """The stage with states that are made here."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(
        self, run: Run, settings: Any, location: str, revision: str | None, rows: Sequence[Any]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        assert [row["prompt_id"] for row in rows] == sorted(row["prompt_id"] for row in rows)
        self.asked.append(location)
        noise = torch.Generator().manual_seed(1)
        states = torch.eye(len(rows))[:, None].repeat(1, len(CODES), 1)
        if len(self.asked) % 2:  # before alignment
            states += torch.rand(states.shape, generator=noise)
        return states, torch.ones(states.shape[:2], dtype=torch.bool)

    def loss(self, run: Run) -> Any:
        return loss


def evaluate(run: Run, stage: Scripted) -> bool:
    with run.locked():
        return do(run, stage)


def loss(states: torch.Tensor, present: torch.Tensor) -> tuple[torch.Tensor, dict[str, Any]]:
    return states.var(dim=1).sum(), {}


def test_before_and_after_are_written(run: Run) -> None:
    stage = Scripted()
    assert evaluate(run, stage) is False
    assert stage.asked == [run.recipe.align.model, str(run.path("checkpoint"))]
    results = run.manifest.results
    assert results["before"]["sets"] == results["after"]["sets"] == 3
    assert results["after"]["loss"] == 0 < results["before"]["loss"]
    assert results["after"]["retrieval"] == 1
    details = json.loads(run.path("evaluation", "consistency.json").read_text())
    assert details["after"] == results["after"]
    assert [row["language"] for row in details["by_language"]["before"]] == list(CODES[1:])
    table = read_table(run.path("evaluation", "consistency.parquet"), CONSISTENCY)
    assert table["when"].to_list() == ["before"] * 3 + ["after"] * 3
    assert evaluate(run, stage) is True
    assert len(stage.asked) == 2


def test_another_checkpoint_is_measured_again(run: Run) -> None:
    stage = Scripted()
    evaluate(run, stage)

    def train(staging: Staging) -> StageResult:
        staging.path("checkpoint", "config.json").write_text("{1}")
        return StageResult()

    with run.locked():
        put(run, "align", {}, ("checkpoint",), train, force=True)
    assert evaluate(run, stage) is False


@pytest.mark.parametrize("held_out", [0, 1])
def test_too_few_sets_give_nulls_and_a_warning(
    tmp_path: Path, small: dict[str, Any], held_out: int, caplog: Any
) -> None:
    run = fill(Run.create(parse_recipe(small, "test"), tmp_path / "few"), held_out)
    evaluate(run, Scripted())
    assert run.manifest.results == {"before": None, "after": None}
    assert "nothing to measure" in caplog.text
    assert run.path("evaluation", "consistency.parquet").is_file()


def test_without_a_checkpoint(run: Run) -> None:
    forget_stages(run, "align")
    with pytest.raises(UsageError, match="no checkpoint yet"):
        evaluate(run, Scripted())
