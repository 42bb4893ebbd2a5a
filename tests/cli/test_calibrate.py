"""`mlc-data calibrate` and `--with`, as a user types them."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from mlc_data.cli.main import app
from mlc_data.errors import RecipeError, UsageError
from mlc_data.recipe.loading import merge

pytestmark = pytest.mark.integration

QUESTION = "Ninawezaje kuoka mikate {} nyumbani leo?"


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.parquet"
    pl.DataFrame(
        {
            "source": [f"How can I bake {n} loaves of bread at home today?" for n in range(160)],
            "language": ["swh_Latn"] * 160,
            "text": [QUESTION.format(n) for n in range(160)],
        }
    ).write_parquet(path)
    return path


def call(*arguments: object) -> str:
    done = CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_thresholds_are_written_and_used(reference: Path, tmp_path: Path) -> None:
    out = tmp_path / "thresholds.yaml"
    told = call("calibrate", "quickstart", "--reference", reference, "--out", out)
    assert "swh_Latn" in told
    assert "use it with" in told
    shown = call("recipes", "show", "quickstart", "--with", out)
    assert shown != call("recipes", "show", "quickstart")
    # What is set by hand wins.
    by_hand = call(
        "recipes", "show", "quickstart", "--with", out, "--set", "checks.length.min_ratio=0.123"
    )
    assert "min_ratio: 0.123" in by_hand


def test_wrong_usage_is_told(reference: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="not a run's folder"):
        call("calibrate", "quickstart")
    with pytest.raises(UsageError, match="cannot write"):
        call(
            "calibrate", "quickstart", "--reference", reference, "--out", tmp_path / "no" / "x.yaml"
        )
    fragment = tmp_path / "wrong.yaml"
    fragment.write_text("checks: {lenght: {min_ratio: 1}}", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"with .*wrong\.yaml.*\n.*did you mean 'length'"):
        call("recipes", "validate", "quickstart", "--with", fragment)


def test_fragments_are_merged_key_by_key() -> None:
    data = {"checks": {"length": {"min_ratio": 0.4, "enabled": True}}, "seed": 1}
    fragment = {"checks": {"length": {"min_ratio": {"swh_Latn": 0.5}}}, "seed": 2}
    assert merge(data, fragment) == {
        "checks": {"length": {"min_ratio": {"default": 0.4, "swh_Latn": 0.5}, "enabled": True}},
        "seed": 2,
    }
    assert data["seed"] == 1


def test_languages_with_thresholds_of_their_own_are_listed() -> None:
    told = call("languages", "--calibrated")
    assert "swh_Latn" in told
    assert "jav_Latn" not in told
