"""The quickstart's prompts through the real translator and checks: what is kept and what is not.

``outside_judged.jsonl`` lists what the phrasebook model makes of the prompts that are outside its
phrasebook. Every row was read and judged ``right`` (it says what the prompt says) or ``wrong``: all
350 are wrong, for the model answers each with some phrase of its phrasebook, or with a garbled one.
"""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from mlc_data.execute import run_stages
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe
from scripts.phrasebook import phrasebook

pytestmark = pytest.mark.integration

JUDGED = Path(__file__).parent / "outside_judged.jsonl"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The quickstart up to its verdicts."""
    recipe = load_recipe("quickstart", ["translate.cache=null"])
    made = Run.create(recipe, tmp_path_factory.mktemp("quick") / "run")
    run_stages(made, "check")
    return made


@pytest.fixture(scope="module")
def verdicts(run: Run) -> pl.DataFrame:
    """Every variant of the quickstart: language, source, text, back_translation, kept, reference
    (null outside the phrasebook)."""
    columns = ["language", "source", "text", "back_translation"]
    parts = {"variants": True, "rejected": False}
    table = pl.concat(
        pl.read_parquet(run.path(folder, "variants.parquet"))
        .select(columns)
        .with_columns(kept=pl.lit(value))
        for folder, value in parts.items()
    )
    references = [
        phrasebook.reference(source, code)
        for code, source in table.select("language", "source").iter_rows()
    ]
    return table.with_columns(reference=pl.Series(references, dtype=pl.String))


def test_held_out_phrases_are_translated_exactly_and_come_back(verdicts: pl.DataFrame) -> None:
    inside = verdicts.filter(pl.col("reference").is_not_null())
    shares = inside.group_by("language").agg(
        exact=(pl.col("text") == pl.col("reference")).mean(),
        round_trip=(pl.col("back_translation") == pl.col("source")).mean(),
    )
    assert shares.height == len(phrasebook.TARGETS)
    assert shares["exact"].min() >= 0.9, shares
    assert shares["round_trip"].min() >= 0.95, shares


def test_exact_translations_are_kept_in_every_language(verdicts: pl.DataFrame) -> None:
    exact = verdicts.filter(pl.col("text") == pl.col("reference"))
    assert exact.height >= 1000
    lost = exact.group_by("language").agg(share=1 - pl.col("kept").mean())
    assert 1 - exact["kept"].mean() <= 0.05
    assert lost["share"].max() <= 0.1, lost


def test_what_was_judged_wrong_is_rejected(verdicts: pl.DataFrame) -> None:
    rows = [json.loads(line) for line in JUDGED.read_text(encoding="utf-8").splitlines()]
    judged = pl.DataFrame(rows).rename({"prompt": "source"})
    assert set(judged["verdict"]) <= {"right", "wrong"}
    outside = verdicts.filter(pl.col("reference").is_null())
    known = outside.join(judged, on=["source", "language", "text"], how="inner")
    # Another processor may round otherwise and give another text here and there.
    assert known.height >= 0.95 * outside.height, "judge the new texts and add them to the list"
    wrong = known.filter(pl.col("verdict") == "wrong")
    assert 1 - wrong["kept"].mean() >= 0.8


def test_rescue_saves_true_translations_and_no_others(run: Run) -> None:
    kept = pl.read_parquet(run.path("variants", "variants.parquet"))
    saved = kept.filter(pl.col("rung") != "first")
    assert saved.height >= 1
    assert saved.height == sum(
        cost["saved"] for cost in run.manifest.stages["rescue"].notes["rungs"].values()
    )
    references = [
        phrasebook.reference(source, code)
        for source, code in saved.select("source", "language").iter_rows()
    ]
    assert None not in references, "a variant outside the phrasebook was saved"
    attempts = pl.read_parquet(run.path("rescue", "attempts.parquet"))
    mine = attempts.join(saved, on=["prompt_id", "language", "rung", "text"], how="semi")
    assert mine.height == saved.height
