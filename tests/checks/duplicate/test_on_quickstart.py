"""A shared variant among real translations: found, translated again, and kept out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support import put

from mlc_data.core.parquet import write_table
from mlc_data.core.records import TRANSLATIONS
from mlc_data.execute import run_stage, run_stages
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import StageResult
from mlc_data.recipe.loading import load_recipe

pytestmark = pytest.mark.integration

SETTINGS = ["sources.prompts.limit=40", "translate.cache=null"]
LANGUAGE = "swh_Latn"


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """Translations of the quickstart's first prompts."""
    run = Run.create(load_recipe("quickstart", SETTINGS), tmp_path_factory.mktemp("real") / "run")
    run_stages(run, "translate")
    files = sorted(run.path("translations").glob("*.parquet"))
    return pl.concat(map(pl.read_parquet, files)).select(list(TRANSLATIONS))


def planted(real: pl.DataFrame, folder: Path, *settings: str) -> tuple[Run, str, str]:
    """A run of those translations in which one prompt has the variant of another; both prompts."""
    rows = real.filter(pl.col("language") == LANGUAGE).filter(
        pl.col("back_translation") == pl.col("source")
    )
    right, wrong = rows.row(0, named=True), rows.row(-1, named=True)
    changed = pl.DataFrame(
        [{**right, "prompt_id": wrong["prompt_id"], "source": wrong["source"]}], schema=TRANSLATIONS
    )
    table = real.update(changed.drop("segments"), on=["prompt_id", "language"])
    run = Run.create(load_recipe("quickstart", [*SETTINGS, *settings]), folder)
    run_stages(run, "sources")

    def work(staging: Any) -> StageResult:
        write_table(table, staging.path("translations", "part-00000.parquet"), TRANSLATIONS)
        return StageResult(content_hash={"translations": "planted"})

    put(run, "translate", {"planted": True}, ("translations",), work)
    return run, right["source"], wrong["source"]


def found(run: Run, table: str) -> pl.DataFrame:
    return pl.read_parquet(run.path(table, "variants.parquet")).filter(
        pl.col("language") == LANGUAGE
    )


def test_the_prompt_it_does_not_belong_to_is_blamed(real: pl.DataFrame, tmp_path: Path) -> None:
    run, right, wrong = planted(real, tmp_path / "run", "rescue.rungs=[]")
    run_stage(run, "score")
    run_stage(run, "rescue")
    run_stage(run, "check")
    aside = found(run, "rejected").filter(pl.col("source") == wrong)
    assert "duplicate" in aside["reasons"].item()
    assert aside["duplicate_similarity"].item() > 0.5
    kept = found(run, "variants")
    assert kept.filter(pl.col("source") == right).height == 1
    others = found(run, "rejected").filter(pl.col("source") != wrong)
    assert not others["reasons"].list.contains("duplicate").any()


def test_another_translation_takes_its_place(real: pl.DataFrame, tmp_path: Path) -> None:
    run, _, wrong = planted(real, tmp_path / "run")
    run_stage(run, "score")
    run_stage(run, "rescue")
    run_stage(run, "check")
    saved = found(run, "variants").filter(pl.col("source") == wrong)
    assert saved["rung"].item() != "first"
    assert saved["duplicate_similarity"].item() == 0
    assert saved["back_translation"].item() == wrong
