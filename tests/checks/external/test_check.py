"""External scorers in a recipe: validated, run once, stored, decided again without the command."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import golden_run
import polars as pl
import pytest
from support import put

from mlc_data.checks.calibration import calibrate, recipe_with
from mlc_data.checks.scoring import (
    build_checks,
    load,
    prepare,
    reasons,
    save,
    score_rows,
    scored_by,
)
from mlc_data.core.parquet import write_table
from mlc_data.core.records import TRANSLATIONS
from mlc_data.errors import MlcDataError, RecipeError, UsageError
from mlc_data.execute import preflight, run_stage
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import StageResult
from mlc_data.recipe.loading import dump_recipe, load_recipe, parse_recipe

Rows = Callable[..., pl.DataFrame]

PROGRAM = """
import sys, pathlib, polars as pl
rows = pl.read_parquet(sys.argv[1])
with pathlib.Path(__file__).with_name("calls.txt").open("a") as calls:
    print(rows.height, file=calls)
scored = rows.filter(pl.col("variant") != "silent")
scored.select("row", score=pl.col("variant").str.len_chars() / 100).write_parquet(sys.argv[2])
"""


@pytest.fixture
def scorer(tmp_path: Path) -> Path:
    """A program that scores by length, leaves out the variant "silent", and counts its calls."""
    path = tmp_path / "scorer.py"
    path.write_text(PROGRAM, encoding="utf-8")
    return path


def calls(scorer: Path) -> list[int]:
    path = scorer.with_name("calls.txt")
    return [int(line) for line in path.read_text("utf-8").split()] if path.exists() else []


def section(scorer: Path, **settings: Any) -> dict[str, Any]:
    return {"name": "kiwi", "command": [sys.executable, str(scorer)], **settings}


def checks_of(small: dict[str, Any], *sections: dict[str, Any]) -> Any:
    small["checks"] = {"external": list(sections)}
    checks = build_checks(parse_recipe(small, "test"), ())
    return tuple(check for check in checks if check.name.startswith("external_"))


@pytest.fixture
def table(rows: Rows) -> pl.DataFrame:
    return rows(
        ("Help", "x" * 10, "swh_Latn"),
        ("Help", "x" * 80, "spa_Latn"),
        ("Help", "silent", "spa_Latn"),
    )


def test_scores_thresholds_by_language_and_abstaining(
    small: dict[str, Any], scorer: Path, table: pl.DataFrame
) -> None:
    limits = {"min": {"default": 0.5, "swh_Latn": 0.05}, "max": 0.7}
    checks = checks_of(small, section(scorer, **limits))
    scored = score_rows(checks, table)
    assert scored["external_kiwi"].to_list() == [0.1, 0.8, None]
    given = scored.select(given=reasons(checks))["given"].to_list()
    assert given == [[], ["external_kiwi"], []]


def test_without_limits_scores_are_stored_and_nothing_is_rejected(
    small: dict[str, Any], scorer: Path, table: pl.DataFrame
) -> None:
    checks = checks_of(small, section(scorer))
    assert score_rows(checks, table).select(given=reasons(checks))["given"].to_list() == [[]] * 3


def test_only_its_languages_are_scored(
    small: dict[str, Any], scorer: Path, table: pl.DataFrame
) -> None:
    checks = checks_of(small, section(scorer, languages=["swh_Latn"]))
    assert score_rows(checks, table)["external_kiwi"].to_list() == [0.1, None, None]
    assert calls(scorer) == [1]


def test_the_key_holds_the_command_and_no_threshold(small: dict[str, Any], scorer: Path) -> None:
    def key(**settings: Any) -> Any:
        return scored_by(checks_of(small, section(scorer, **settings)))

    before = key()
    assert before == key(min=0.3, max={"default": 1, "swh_Latn": 2}, timeout_s=9, rows_at_once=5)
    assert before != key(version=2)
    assert before != key(languages=["swh_Latn"])
    assert before != scored_by(checks_of(small, section(scorer.with_name("other.py"))))


def test_saved_scores_are_used_and_other_texts_are_scored(
    small: dict[str, Any], scorer: Path, table: pl.DataFrame, tmp_path: Path
) -> None:
    checks = checks_of(small, section(scorer, rows_at_once=2))
    known = table.head(2)
    save(prepare(checks, lambda: iter([known])), tmp_path, tmp_path / "saved", others=False)
    assert calls(scorer) == [2]
    loaded = load(checks, tmp_path, tmp_path / "saved", lambda: iter([known]))
    assert score_rows(loaded, known)["external_kiwi"].to_list() == [0.1, 0.8]
    assert calls(scorer) == [2]
    assert score_rows(loaded, table)["external_kiwi"].to_list() == [0.1, 0.8, None]
    assert calls(scorer) == [2, 1]


def test_a_missing_score_is_remembered(
    small: dict[str, Any], scorer: Path, table: pl.DataFrame, tmp_path: Path
) -> None:
    checks = checks_of(small, section(scorer))
    save(prepare(checks, lambda: iter([table])), tmp_path, tmp_path / "saved", others=False)
    loaded = load(checks, tmp_path, tmp_path / "saved", lambda: iter([table]))
    assert score_rows(loaded, table)["external_kiwi"].to_list() == [0.1, 0.8, None]
    assert calls(scorer) == [3]


def test_rows_at_once_bounds_each_run_and_finished_ones_are_kept(
    small: dict[str, Any], scorer: Path, rows: Rows, tmp_path: Path
) -> None:
    many = rows(*((f"Help {n}", "x" * n, "swh_Latn") for n in range(1, 8)))
    checks = checks_of(small, section(scorer, rows_at_once=3))
    ready = prepare(checks, lambda: many.iter_slices(2))
    save(ready, tmp_path, tmp_path / "saved", others=False)
    assert calls(scorer) == [3, 3, 1]
    (folder,) = (tmp_path / "saved").iterdir()
    next(folder.iterdir()).unlink()
    save(ready, tmp_path, tmp_path / "saved", others=False)
    assert len(calls(scorer)) == 4
    more = pl.concat([many, rows(("Help 9", "x" * 9, "swh_Latn"))])
    save(prepare(checks, lambda: iter([more])), tmp_path, tmp_path / "saved", others=False)
    assert calls(scorer)[4:] == [1]


def test_a_recipe_is_written_and_read_again(
    small: dict[str, Any], scorer: Path, tmp_path: Path
) -> None:
    small["checks"] = {"external": [section(scorer, min={"default": 0.5, "swh_Latn": 0.1})]}
    recipe = parse_recipe(small, "test")
    file = tmp_path / "recipe.yaml"
    file.write_text(dump_recipe(recipe), encoding="utf-8")
    assert load_recipe(str(file)) == recipe


def test_a_threshold_is_overridden_by_the_scorers_name(
    small: dict[str, Any], scorer: Path, tmp_path: Path
) -> None:
    small["checks"] = {"external": [section(scorer, min=0.5), section(scorer) | {"name": "judge"}]}
    file = tmp_path / "recipe.yaml"
    file.write_text(dump_recipe(parse_recipe(small, "test")), encoding="utf-8")
    kiwi, judge = load_recipe(str(file), ["checks.external.kiwi.min.swh_Latn=0.1"]).checks.external
    assert kiwi.min is not None
    assert (kiwi.min.get("swh_Latn"), kiwi.min.get("spa_Latn")) == (0.1, 0.5)
    assert judge.name == "judge"


def test_its_thresholds_can_be_calibrated(small: dict[str, Any], scorer: Path) -> None:
    small["checks"] = {"external": [section(scorer, min=0.5, languages=["swh_Latn"])]}
    recipe = parse_recipe(small, "test")
    good = pl.DataFrame({"language": "swh_Latn", "external_kiwi": [n / 200 for n in range(200)]})
    found = calibrate(good, recipe, 0.02, reference="test", optimistic=False)
    assert found.values["checks.external.kiwi.min"]["swh_Latn"] < 0.02
    (section_now,) = recipe_with(recipe, found).checks.external
    assert section_now.min is not None
    assert section_now.min.get("swh_Latn") < 0.02
    assert section_now.min.get("spa_Latn") == 0.5


def test_a_recipe_without_scorers_does_not_mention_them(small: dict[str, Any]) -> None:
    assert "external" not in parse_recipe(small, "test").model_dump()["checks"]


def test_a_text_is_split_into_arguments(small: dict[str, Any]) -> None:
    small["checks"] = {
        "external": [{"name": "kiwi", "command": "uv run 'my judge.py' {input} {output}"}]
    }
    command = parse_recipe(small, "test").checks.external[0].command
    assert command == ("uv", "run", "my judge.py", "{input}", "{output}")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"command": ""}, "at least 1 item"),
        ({"command": "judge 'unclosed"}, "No closing quotation"),
        ({"command": "judge {input}"}, "not both {input} and {output}"),
        ({"name": "Kiwi-23"}, "checks.external.0.name"),
        ({"languages": ["xx"]}, "xx"),
        ({"min": {"swh_Latn": 1}}, "needs a `default`"),
        ({"timeout_s": 0}, "greater than 0"),
        ({"minimum": 1}, "unknown key; did you mean 'min'"),
    ],
)
def test_wrong_settings_are_refused(
    small: dict[str, Any], scorer: Path, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(RecipeError, match=words):
        checks_of(small, {**section(scorer), **settings})


def test_a_name_is_used_once(small: dict[str, Any], scorer: Path) -> None:
    with pytest.raises(RecipeError, match="kiwi: each scorer needs a name of its own"):
        checks_of(small, section(scorer), section(scorer))


@pytest.fixture
def translated(make_run: Callable[..., Run], table: pl.DataFrame) -> Callable[..., Run]:
    """A run with the translations of `table`, each in a file of its own."""

    def make(**external: Any) -> Run:
        disabled = {
            name: {"enabled": False}
            for name in (
                "script",
                "length",
                "repetition",
                "coverage",
                "duplicate",
                "intent",
                "round_trip",
            )
        }
        checks = {**disabled, "language_identifiers": [], "external": [external]}
        run = make_run([{"prompt": "Help"}], checks=checks, rescue={"rungs": []})

        def work(staging: Any) -> StageResult:
            for number, part in enumerate(table.iter_slices(1)):
                path = staging.path("translations", f"part-{number:05d}.parquet")
                write_table(part, path, TRANSLATIONS)
            return StageResult(content_hash={"translations": "three"})

        put(run, "translate", {}, ("translations",), work)
        return run

    return make


@pytest.fixture
def golden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """The golden run with an external scorer."""

    def make(external: dict[str, Any]) -> Run:
        checks = {**golden_run.RECIPE["checks"], "external": [external]}
        monkeypatch.setitem(golden_run.RECIPE, "checks", checks)
        return golden_run.run_golden(tmp_path, monkeypatch)

    return make


def decided(run: Run) -> tuple[list[str], list[str]]:

    run_stage(run, "score")
    run_stage(run, "check")
    kept = pl.read_parquet(run.path("variants/variants.parquet"))
    rejected = pl.read_parquet(run.path("rejected/variants.parquet"))
    return sorted(kept["text"].to_list()), rejected["reason"].to_list()


def test_the_stage_runs_the_command_once_and_counts_what_it_leaves_open(
    translated: Callable[..., Run], scorer: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "mlc_data"):
        run = translated(**section(scorer, max=0.5))
        assert decided(run) == (["silent", "x" * 10], ["external_kiwi"])
    assert calls(scorer) == [3]
    note = "external_kiwi: no score for 1 of 3 variants (spa_Latn 1), which pass it"
    assert run.manifest.stages["score"].notes["external_kiwi"] == note
    assert note in caplog.text


def test_another_threshold_runs_no_command(translated: Callable[..., Run], scorer: Path) -> None:
    run = translated(**section(scorer, max=0.5))
    decided(run)
    scorer.write_text("raise SystemExit('not here')", encoding="utf-8")
    data = run.recipe.model_dump(mode="json")
    data["checks"]["external"][0]["max"] = 0.05
    other = Run.create(parse_recipe(data, "test"), run.folder)
    assert decided(other) == (["silent"], ["external_kiwi", "external_kiwi"])
    assert calls(scorer) == [3]


def test_a_failing_command_ends_the_stage(translated: Callable[..., Run], scorer: Path) -> None:
    scorer.write_text("raise SystemExit('no GPU left')", encoding="utf-8")
    run = translated(**section(scorer, max=0.5))
    with pytest.raises(
        MlcDataError, match=r"checks.external.kiwi: .* exit status 1(?s:.*)no GPU left"
    ):
        decided(run)


def test_a_missing_command_is_found_before_anything_starts(
    make_run: Callable[..., Run],
) -> None:
    checks = {"external": [{"name": "kiwi", "command": "no-such-program"}]}
    run = make_run([{"prompt": "Help"}], checks={**checks, "language_identifiers": []})
    with pytest.raises(UsageError, match="no command 'no-such-program' on the PATH"):
        preflight(run, ("score",))


def test_attempts_of_the_rescue_stage_are_scored(golden: Callable[..., Run], scorer: Path) -> None:
    run = golden(section(scorer, max=0.0001))
    attempts = pl.read_parquet(run.path("rescue", "attempts.parquet"))
    scored = attempts.filter(pl.col("failure").is_null())
    lengths = scored.select(pl.col("text").str.len_chars() / 100).to_series()
    assert scored["external_kiwi"].to_list() == lengths.to_list()
    assert pl.read_parquet(run.path("variants", "variants.parquet")).is_empty()
    first = pl.read_parquet(run.path("scores", "scores.parquet"))
    assert calls(scorer)[0] == first.height
    # What is the first translation again has a score already.
    assert 0 < sum(calls(scorer)[1:]) < scored.height


def test_another_checks_new_scores_run_no_command(
    translated: Callable[..., Run], scorer: Path
) -> None:
    run = translated(**section(scorer, max=0.5))
    decided(run)
    data = run.recipe.model_dump(mode="json")
    data["checks"]["external"].append(section(scorer) | {"name": "other", "version": 2})
    other = Run.create(parse_recipe(data, "test"), run.folder)
    decided(other)
    assert calls(scorer) == [3, 3]
    scores = pl.read_parquet(run.path("scores", "scores.parquet"))
    assert scores["external_kiwi"].to_list() == scores["external_other"].to_list()
