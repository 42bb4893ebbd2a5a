"""`mlc-data review` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from review_support import judge
from typer.testing import CliRunner

from mlc_data.cli.main import app
from mlc_data.errors import UsageError
from mlc_data.execute import run_stages
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The quickstart's variants."""
    folder = tmp_path_factory.mktemp("quickstart")
    recipe = load_recipe("quickstart", ["translate.cache=null", "rescue.rungs=[]"])
    run_stages(Run.create(recipe, folder / "run"), "check")
    return folder / "run"


def call(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_200_judged_rows_of_the_quickstart(quickstart: Path, tmp_path: Path) -> None:
    written = tmp_path / "sheet.csv"
    assert "210 variants in 7 languages" in call(
        "review", quickstart, "--sample", 30, "--out", written
    )
    pl.read_csv(written, infer_schema=False).head(200).write_csv(tmp_path / "some.csv")
    # Reviewers who mind every difference of the back-translation, and who do not mind small ones.
    same = pl.col("prompt").str.to_lowercase() == pl.col("back_translation").str.to_lowercase()
    strict = judge(tmp_path / "some.csv", tmp_path / "a.csv", reviewer="Ana", bad=~same)
    lenient = judge(tmp_path / "some.csv", tmp_path / "b.csv", reviewer="Ben")
    shown = call("review", quickstart, "--import", strict, "--import", lenient)
    assert "Ana and Ben agree on" in shown
    assert "round_trip" in shown

    review = json.loads(call("review", quickstart, "--json"))
    assert review["whole"]["rows"] == 200
    for name in ("precision", "recall"):
        found = review["whole"]["all"][name]
        assert 0 < found["low"] <= found["value"] <= found["high"] <= 1
        assert found["high"] - found["low"] < 0.4
    assert len(review["languages"]) == 7

    out = tmp_path / "thresholds.yaml"
    told = call("calibrate", quickstart, "--from-review", quickstart, "--out", out)
    assert "Few texts" in told
    assert "variants of run that people judged to be good" in out.read_text("utf-8")
    call("recipes", "validate", "quickstart", "--with", out)


def test_wrong_usage_is_told(quickstart: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="give one of them"):
        call("review", quickstart, "--sample", 30, "--import", tmp_path / "a.csv")
    with pytest.raises(UsageError, match="--out names the file that --sample writes"):
        call("review", quickstart, "--out", tmp_path / "a.csv")
    with pytest.raises(UsageError, match="give one"):
        call(
            "calibrate", quickstart, "--from-review", quickstart, "--reference", tmp_path / "a.csv"
        )
    with pytest.raises(UsageError, match="is not a run's folder"):
        call("review", tmp_path)


def test_a_sample_without_a_name_lies_in_the_run(quickstart: Path) -> None:
    told = call("review", quickstart, "--sample", 4, "--seed", 7)
    (path,) = quickstart.joinpath("review").glob("sample-*.csv")
    assert path.name in told.replace("\n", "")
