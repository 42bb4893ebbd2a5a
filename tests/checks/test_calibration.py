"""Thresholds from trusted text: the bound holds, and what comes out can be used."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from mlc_data.checks import calibration
from mlc_data.checks.calibration import (
    CALIBRATED,
    bound,
    calibrate,
    kept_scores,
    least_rows,
    order,
    recipe_with,
    reference_scores,
    rejected,
    write_fragment,
)
from mlc_data.errors import UsageError
from mlc_data.pipeline.run import Run
from mlc_data.recipe.base import ByLanguage
from mlc_data.recipe.checks import Checks
from mlc_data.recipe.loading import load_recipe
from mlc_data.recipe.recipe import Recipe


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return load_recipe("quickstart")


def test_every_threshold_exists_and_names_a_score() -> None:
    thresholds = [each for each in Checks().thresholds() if each.limit.calibrated]
    assert len(thresholds) == 15
    for each in thresholds:
        assert isinstance(each.limit.thresholds(each.settings), ByLanguage), each.key
        assert each.limit.score.startswith(each.key.split(".")[1]), each.key


def test_the_order_statistic_is_the_binomial_one() -> None:
    assert least_rows(0.02) == 149
    assert (order(148, 0.02), order(149, 0.02)) == (0, 1)
    # 0.95 quantiles by hand: P(Binomial(236, .02) <= 1) = 0.0494, P(Binomial(235, .02) <= 1) = 0.0502
    assert (order(235, 0.02), order(236, 0.02)) == (1, 2)
    assert order(20_000, 0.02) / 20_000 == pytest.approx(0.0184, abs=0.0002)


def test_the_bound_holds_with_the_confidence_that_it_promises() -> None:
    rng, target, wrong = random.Random(5), 0.02, 0
    for _ in range(400):
        scores = [rng.random() for _ in range(300)]
        wrong += bound(scores, target, upper=False) > target
        assert bound([-score for score in scores], target, upper=True) == -bound(
            scores, target, upper=False
        )
    # 5 % are promised, discreteness makes it less; 34 would be three standard deviations above.
    assert wrong <= 34
    with pytest.raises(ValueError, match="fewer than 149"):
        bound([1.0] * 100, target, upper=False)


def scores(languages: dict[str, int], seed: int = 1) -> pl.DataFrame:
    rng = random.Random(seed)
    return pl.DataFrame(
        [
            {
                "language": code,
                "length_ratio": rng.gauss(1.0, 0.1),
                "script_share": 1.0 if rng.random() < 0.9 else 0.4,
                "copied_share": 0.0,
                "language_id_against": 1.8,
                "language_id_letters": 10.0,
            }
            for code, number in languages.items()
            for _ in range(number)
        ]
    )


def test_thresholds_by_language(recipe: Recipe) -> None:
    found = calibrate(
        scores({"swh_Latn": 2000, "zho_Hans": 100}), recipe, 0.02, reference="x", optimistic=False
    )
    low, high = (
        found.values[f"checks.length.{key}"]["swh_Latn"] for key in ("min_ratio", "max_ratio")
    )
    # The 0.02 quantile of the normal distribution is 2.05 standard deviations from its mean.
    assert 0.75 < low < 0.81
    assert 1.19 < high < 1.25
    assert found.too_few == {"zho_Hans": 100}
    assert all("zho_Hans" not in values for values in found.values.values())
    # Looser where good text needs it...
    assert found.values["checks.script.min_share"] == {"swh_Latn": 0.4}
    # ...as the check compares it: ten of twenty-five letters count two fifths (rounded up)...
    assert found.values["checks.language_id.max_against"] == {"swh_Latn": 0.721}
    # ...and never stricter where nearly all good text has the best score.
    assert "checks.copied.max_share" not in found.values
    assert "checks.round_trip.min_chrf" not in found.values


def test_no_check_is_switched_off_by_wrong_lines_in_the_reference(recipe: Recipe) -> None:
    copies = pl.DataFrame({"language": ["swh_Latn"] * 200, "copied_share": [1.0] * 200})
    found = calibrate(copies, recipe, 0.02, reference="x", optimistic=False)
    assert found.values == {"checks.copied.max_share": {"swh_Latn": 0.9}}


def test_too_few_texts_everywhere_is_an_error(recipe: Recipe) -> None:
    with pytest.raises(UsageError, match=r"no language has the 149 texts .*swh_Latn 20"):
        calibrate(scores({"swh_Latn": 20}), recipe, 0.02, reference="x", optimistic=False)
    with pytest.raises(UsageError, match="share between 0 and 1"):
        calibrate(scores({"swh_Latn": 20}), recipe, 2.0, reference="x", optimistic=False)


def pairs(number: int) -> pl.DataFrame:
    """Real Swahili questions with numbers that make them distinct."""
    return pl.DataFrame(
        [
            {
                "source": f"How can I bake {n} loaves of bread at home today?",
                "language": "swh_Latn",
                "text": f"Ninawezaje kuoka mikate {n} nyumbani leo{' tafadhali' * (n % 3)}?",
                "back_translation": f"How can I bake {n} loaves of bread at home?",
            }
            for n in range(number)
        ]
    )


def test_a_reference_file_becomes_a_fragment_that_a_recipe_takes(
    recipe: Recipe, tmp_path: Path
) -> None:
    reference, fragment = tmp_path / "pairs.parquet", tmp_path / "thresholds.yaml"
    pairs(160).write_parquet(reference)
    table = reference_scores(reference, recipe)
    assert table.height == 160
    assert {"length_ratio", "round_trip_chrf", "language_id_against"} <= set(table.columns)
    found = calibrate(
        table, recipe, 0.02, reference=calibration.describe(reference), optimistic=False
    )
    write_fragment(found, fragment)
    told = fragment.read_text(encoding="utf-8")
    for part in (found.date, "SHA-256", "swh_Latn 160", "0.02", "not calibrated"):
        assert part in told, part
    assert "OPTIMISTIC" not in told
    merged = load_recipe("quickstart", (), [fragment])
    for name, values in found.values.items():
        _, section, key = name.split(".")
        threshold = getattr(getattr(merged.checks, section), key)
        before = getattr(getattr(recipe.checks, section), key)
        for code, value in values.items():
            assert threshold.get(code) == value
        assert threshold.get("fra_Latn") == before.get("fra_Latn")
    # The texts pass the thresholds that come from them, but for the promised share each.
    assert recipe_with(recipe, found).checks == merged.checks
    assert rejected(table, merged)["swh_Latn"] <= 0.02 * len(found.values)


def test_without_back_translations_the_round_trip_is_left_alone(
    recipe: Recipe, tmp_path: Path
) -> None:
    path = tmp_path / "pairs.jsonl"
    pairs(3).drop("back_translation").write_ndjson(path)
    assert not [name for name in reference_scores(path, recipe).columns if "round_trip" in name]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda table: table.rename({"text": "target"}), "no column 'text'; it has: source, lang"),
        (lambda table: table.with_columns(language=pl.lit("sw")), "'sw' is not a FLORES-200 code"),
        (lambda table: table.with_columns(text=pl.lit(None, pl.String)), "3 rows have no source"),
        (lambda table: table.with_columns(text=pl.lit(5)), "text do not hold text"),
    ],
)
def test_a_reference_file_with_wrong_columns_is_refused(
    change: Any, told: str, recipe: Recipe, tmp_path: Path
) -> None:
    path = tmp_path / "pairs.parquet"
    change(pairs(3)).write_parquet(path)
    with pytest.raises(UsageError, match=told):
        reference_scores(path, recipe)


def test_a_missing_or_unknown_reference_file_is_refused(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        reference_scores(tmp_path / "none.parquet", recipe)
    other = tmp_path / "pairs.txt"
    other.touch()
    with pytest.raises(UsageError, match="not one of"):
        reference_scores(other, recipe)
    other = tmp_path / "pairs.parquet"
    other.write_bytes(b"no parquet")
    with pytest.raises(UsageError, match="cannot be read"):
        reference_scores(other, recipe)


def test_a_runs_own_variants_are_optimistic_and_it_is_said(recipe: Recipe, tmp_path: Path) -> None:
    run = Run.create(recipe, tmp_path / "run")
    with pytest.raises(UsageError, match="no kept variants"):
        kept_scores(run)
    run.path("variants").mkdir()
    scores({"swh_Latn": 200}).write_parquet(run.path("variants", "variants.parquet"))
    found = calibrate(kept_scores(run), recipe, 0.02, reference="run", optimistic=True)
    write_fragment(found, tmp_path / "thresholds.yaml")
    told = (tmp_path / "thresholds.yaml").read_text(encoding="utf-8")
    assert "# OPTIMISTIC" in told
    assert yaml.safe_load(told)["checks"]["length"]["min_ratio"]["swh_Latn"] > 0


def test_the_quickstarts_languages_have_defaults_of_their_own(recipe: Recipe) -> None:
    assert {recipe.languages.source, *recipe.languages.targets} <= CALIBRATED
    lengths = recipe.checks.length
    named = {code for values in (lengths.min_ratio, lengths.max_ratio) for code in values.root}
    assert set(recipe.languages.targets) <= named
