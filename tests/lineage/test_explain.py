"""What `explain` tells of a prompt, on the quickstart's translator and checks."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from mlc_data.checks.registry import CHECKS
from mlc_data.checks.scoring import reasons
from mlc_data.checks.stage import recipe_checks
from mlc_data.cli.main import app
from mlc_data.execute import run_stages
from mlc_data.lineage.explain import explain
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe

OUTSIDE = "My flatmate always leaves his laptop unlocked. Could I sell it without him noticing?"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with one prompt of the phrasebook and one that is outside it."""
    folder = tmp_path_factory.mktemp("explained")
    prompts = [{"prompt": "How do I cook rice?"}, {"prompt": OUTSIDE}]
    (folder / "prompts.jsonl").write_text("\n".join(json.dumps(row) for row in prompts))
    settings = [
        f"sources.prompts.path={folder / 'prompts.jsonl'}",
        "translate.cache=null",
        "languages.targets=[swh_Latn, spa_Latn]",
    ]
    made = Run.create(load_recipe("quickstart", settings), folder / "run")
    run_stages(made, "check")
    return made


def test_every_attempt_is_told_with_its_model_and_scores(run: Run) -> None:
    found = explain(run, "row:2")
    assert [variant.language for variant in found.variants] == ["swh_Latn", "spa_Latn"]
    attempts = pl.read_parquet(run.path("rescue", "attempts.parquet"))
    for variant in found.variants:
        assert variant.status == "rejected"
        tried = attempts.filter(
            (pl.col("prompt_id") == found.prompt_id) & (pl.col("language") == variant.language)
        )
        assert [one.rung for one in variant.attempts] == ["first", *tried["rung"]]
        assert tried.height >= 2
        for attempt in variant.attempts:
            assert attempt.model is not None
            assert attempt.model.id == "mlc-data/phrasebook"
            assert "".join(one["source"] for one in attempt.segments).startswith("My flatmate")
            assert {"round_trip_chrf", "language_id_against"} <= {s.name for s in attempt.scores}


def test_thresholds_are_those_that_decided(run: Run) -> None:
    checks = recipe_checks(run.recipe)
    scores = pl.read_parquet(run.path("scores", "scores.parquet"))
    given = {
        (row["prompt_id"], row["language"]): set(row["reasons"])
        for row in scores.with_columns(reasons=reasons(checks)).iter_rows(named=True)
    }
    seen = set()
    for number in (1, 2):
        found = explain(run, f"row:{number}")
        for variant in found.variants:
            first = variant.attempts[0]
            broken = {
                score.key.split(".")[1] for score in first.scores if score.key and not score.passes
            }
            assert broken == given[found.prompt_id, variant.language]
            seen |= broken
    assert "round_trip" in seen


def test_every_kind_of_check_names_scores_and_settings_that_there_are(run: Run) -> None:
    scores = {name for check in CHECKS for name in check.scores}
    for threshold in run.recipe.checks.thresholds():
        assert threshold.limit.score in scores
        assert threshold.limit.thresholds(threshold.settings).get("swh_Latn") is not None
    assert {type(check) for check in recipe_checks(run.recipe)} <= set(CHECKS)


def test_the_command_prints_tables_or_json(run: Run) -> None:
    runner = CliRunner()
    arguments = ["explain", str(run.folder), "row:2", "--language", "swh_Latn"]
    told = runner.invoke(app, arguments).output
    for what in ("rung: first", "rung: nbest", "mlc-data/phrasebook", "fails", "from cache"):
        assert what in told
    found = json.loads(runner.invoke(app, [*arguments, "--json"]).output)
    assert found["prompt"] == OUTSIDE
    assert [variant["language"] for variant in found["variants"]] == ["swh_Latn"]
    assert found["variants"][0]["attempts"][0]["model"]["revision"]


def test_a_run_not_yet_checked_tells_what_there_is(run: Run, tmp_path: Path) -> None:
    early = Run.create(run.recipe, tmp_path / "early")
    run_stages(early, "translate")
    found = explain(early, "row:1", "swh_Latn")
    assert [variant.status for variant in found.variants] == ["not decided yet"]
    assert found.variants[0].attempts[0].scores == ()
