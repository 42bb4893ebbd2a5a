"""The story of one row, on the quickstart's translator and checks, compared with the tables."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from lineage_run import OUTSIDE
from typer.testing import CliRunner

from mlc_data.checks.registry import CHECKS
from mlc_data.checks.scoring import reasons
from mlc_data.checks.stage import recipe_checks
from mlc_data.cli.main import app
from mlc_data.core.hashing import prompt_id
from mlc_data.errors import UsageError
from mlc_data.execute import run_stages
from mlc_data.lineage.explain import explain
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe


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


def test_every_attempt_has_its_model_and_scores(run: Run) -> None:
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
    told = runner.invoke(app, [*arguments, "--all"]).output
    for what in (
        "strategy: first",
        "strategy: nbest",
        "mlc-data/phrasebook",
        "fails",
        "from cache",
    ):
        assert what in told
    found = json.loads(runner.invoke(app, [*arguments, "--json"]).output)
    assert found["prompt"] == OUTSIDE
    assert [variant["language"] for variant in found["variants"]] == ["swh_Latn"]
    assert found["variants"][0]["attempts"][0]["model"]["revision"]


def test_a_run_that_is_not_checked_yet(run: Run, tmp_path: Path) -> None:
    early = Run.create(run.recipe, tmp_path / "early")
    run_stages(early, "translate")
    found = explain(early, "row:1", "swh_Latn")
    assert [variant.status for variant in found.variants] == ["not decided yet"]
    assert found.variants[0].attempts[0].scores == ()


def test_a_kept_variant_with_its_source_decoding_and_scores(finished: Run) -> None:
    found = explain(finished, "1", "spa_Latn")
    assert found.prompt == "How do I cook rice?"
    assert found.prompt_id == prompt_id(found.prompt)
    assert (found.row, found.category, found.split) == (1, "kitchen", "train")
    assert found.source.place == "prompts.jsonl"
    assert found.source.licence == "CC-BY-4.0"
    (variant,) = found.variants
    kept = pl.read_parquet(finished.path("variants", "variants.parquet")).filter(
        (pl.col("prompt_id") == found.prompt_id) & (pl.col("language") == "spa_Latn")
    )
    assert variant.status == "kept"
    assert variant.kept is not None
    assert variant.kept.text == kept["text"].item()
    assert variant.kept.rung == kept["rung"].item()
    assert variant.kept.model.id == "mlc-data/phrasebook"
    assert variant.kept.model.revision == finished.manifest.models["translator"].revision
    assert variant.kept.decoding["beam_size"] == finished.recipe.translate.beam_size
    assert (variant.kept.sentences, variant.kept.cached) == (1, 0)
    scores = {score.name: score.value for score in variant.kept.scores}
    for name in ("round_trip_chrf", "length_ratio"):
        assert scores[name] == kept[name].item()


def test_a_rejected_variant_has_its_reasons_and_every_attempt_its_own_decoding(
    finished: Run,
) -> None:
    found = explain(finished, prompt_id(OUTSIDE)[:8])
    assert found.row == 2
    assert found.split is None
    assert [one.language for one in found.variants] == ["swh_Latn", "spa_Latn"]
    attempts = pl.read_parquet(finished.path("rescue", "attempts.parquet"))
    rescue = finished.recipe.rescue
    seen = set()
    for variant in found.variants:
        mine = (pl.col("prompt_id") == found.prompt_id) & (pl.col("language") == variant.language)
        tried = attempts.filter(mine)
        assert variant.status == "rejected"
        assert variant.reasons
        assert variant.kept is None
        assert [one.rung for one in variant.attempts] == ["first", *tried["rung"]]
        assert [one.text for one in variant.attempts[1:]] == tried["text"].to_list()
        for one in variant.attempts:
            seen.add(one.rung)
            if one.rung == "search":
                assert one.decoding["repetition_penalty"] == rescue.search.repetition_penalty
                assert one.decoding["beam_size"] == rescue.search.beam_size
            if one.rung == "nbest":
                assert one.decoding["num_hypotheses"] == rescue.hypotheses
            if one.rung == "first":
                assert one.decoding["num_hypotheses"] == 1
    assert {"first", "search", "nbest"} <= seen


def test_a_rejected_row_has_its_reason(finished: Run) -> None:
    found = explain(finished, "row:3")
    assert found.rejection is not None
    assert found.rejection.startswith("missing")
    assert found.variants == []


def test_an_unknown_row_is_refused(finished: Run) -> None:
    for wanted in ("99", "ffffffffffffffff"):
        with pytest.raises(UsageError, match="no prompt"):
            explain(finished, wanted)


def test_by_default_there_is_a_line_for_a_language_and_one_for_each_score_that_fails(
    run: Run,
) -> None:
    told = CliRunner().invoke(app, ["explain", str(run.folder), "2"]).output
    assert "swh_Latn  rejected" in told
    assert "spa_Latn  rejected" in told
    failing = [
        score for score in explain(run, "2").variants[0].attempts[-1].scores if not score.passes
    ]
    assert failing
    for score in failing:
        assert str(score.key) in told
    assert "strategy: first" not in told


@pytest.mark.parametrize("row", ["1", "row:1", "cook rice", "COOK"])
def test_a_row_has_many_names(run: Run, row: str) -> None:
    assert explain(run, row).prompt == "How do I cook rice?"


def test_several_prompts_with_the_same_words_are_listed(run: Run) -> None:
    with pytest.raises(UsageError, match=r"2 prompts in .*\n  1  How do I cook rice"):
        explain(run, "o")
