"""A run's review: imported, kept, and read by calibration."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import polars as pl
import pytest
from review_support import judge

from mlc_data.checks.calibration import calibrate, usual_target
from mlc_data.errors import UsageError
from mlc_data.pipeline.run import Run
from mlc_data.review.review import good_variants, import_judgements, read_review
from mlc_data.review.sample import draw, keep_sample
from mlc_data.review.sheet import write_sheet
from mlc_data.schemas import build


def test_rejecting_the_bad_ones_alone_is_perfect(run: Run, sheet: Path, tmp_path: Path) -> None:
    review = import_judgements(run, [judge(sheet, tmp_path / "a.csv", reviewer="Ana")])
    assert review.whole.all.precision.value == review.whole.all.recall.value == 1
    assert review.whole.bad_kept.value == 0
    assert set(review.languages) == set(run.recipe.languages.targets)
    assert review.variants_not_represented == 0


def test_each_check_has_its_own_measures(run: Run, sheet: Path, tmp_path: Path) -> None:
    rule = (pl.col("reason") == "coverage").fill_null(value=False)
    review = import_judgements(run, [judge(sheet, tmp_path / "a.csv", bad=rule)])
    assert review.whole.checks["coverage"].recall.value == 1
    assert review.whole.checks["copied"].precision.value == 0
    assert review.whole.all.precision.value is not None
    assert 0 < review.whole.all.precision.value < 1


def test_the_review_is_kept_with_the_run(run: Run, sheet: Path, tmp_path: Path) -> None:
    review = import_judgements(run, [judge(sheet, tmp_path / "a.csv", reviewer="Ana")])
    assert read_review(run) == review
    written = json.loads(run.path("review.json").read_text("utf-8"))
    jsonschema.validate(written, build()["review"])
    kept = pl.read_parquet(run.path("review", f"judged-{review.sample}.parquet"))
    assert kept.height == review.whole.rows


def test_two_reviewers_are_compared(run: Run, sheet: Path, tmp_path: Path) -> None:
    files = [
        judge(sheet, tmp_path / "a.csv", reviewer="Ana"),
        judge(sheet, tmp_path / "b.csv", reviewer="Ben"),
    ]
    (found,) = import_judgements(run, files).agreement
    assert (found.share.value, found.kappa) == (1, 1)
    assert found.rows == pl.read_csv(sheet).height


def test_files_of_several_calls_belong_together(run: Run, sheet: Path, tmp_path: Path) -> None:
    import_judgements(run, [judge(sheet, tmp_path / "a.csv", reviewer="Ana")])
    review = import_judgements(run, [judge(sheet, tmp_path / "b.csv", reviewer="Ben")])
    assert review.reviewers == ["Ana", "Ben"]


def test_kinds_of_variants_that_nobody_judged_are_counted(
    run: Run, sheet: Path, tmp_path: Path
) -> None:
    table = pl.read_csv(sheet, infer_schema=False)
    table.filter(pl.col("verdict") == "kept").write_csv(tmp_path / "some.csv")
    review = import_judgements(run, [judge(tmp_path / "some.csv", tmp_path / "a.csv")])
    rejected = pl.read_parquet(run.path("rejected", "variants.parquet"))
    assert review.variants_not_represented == rejected["text"].count()
    assert review.whole.all.precision.value is None


def test_variants_with_another_text_are_left_out(run: Run, sheet: Path, tmp_path: Path) -> None:
    judged = judge(sheet, tmp_path / "a.csv", reviewer="Ana")
    path = run.path("rejected", "variants.parquet")
    pl.read_parquet(path).with_columns(pl.col("text") + "!").write_parquet(path)
    review = import_judgements(run, [judged])
    rejected = pl.read_csv(sheet).filter(pl.col("verdict") == "rejected")
    assert review.changed == rejected.height


def test_a_run_that_changed_altogether_is_refused(run: Run, sheet: Path, tmp_path: Path) -> None:
    judged = judge(sheet, tmp_path / "a.csv", reviewer="Ana")
    for name in ("rejected", "variants"):
        path = run.path(name, "variants.parquet")
        pl.read_parquet(path).with_columns(pl.col("text") + "!").write_parquet(path)
    with pytest.raises(UsageError, match=r"every judged variant .* has another text now"):
        import_judgements(run, [judged])


def test_a_run_without_a_sample_or_review_is_refused(run: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no sample to judge"):
        import_judgements(run, [tmp_path / "a.csv"])
    with pytest.raises(UsageError, match="has not been reviewed"):
        read_review(run)


def test_a_review_of_another_version_is_refused(run: Run) -> None:
    run.path("review.json").write_text('{"format_version": 9}', "utf-8")
    with pytest.raises(UsageError, match="not a review of this version"):
        read_review(run)


def test_judging_everything_gives_the_true_shares(run: Run, tmp_path: Path) -> None:
    sheet, sample = tmp_path / "all.csv", draw(run, 1000, seed=0)
    keep_sample(run, sample)
    write_sheet(sample, sheet)
    long = pl.col("prompt").str.len_chars() > 60
    review = import_judgements(run, [judge(sheet, tmp_path / "a.csv", bad=long)])
    kept = pl.read_parquet(run.path("variants", "variants.parquet")).with_columns(reasons=[])
    rejected = pl.read_parquet(run.path("rejected", "variants.parquet")).drop_nulls("text")
    both = pl.concat([kept, rejected], how="diagonal_relaxed").select(
        bad=pl.col("source").str.len_chars() > 60,
        rejected=pl.col("reasons").list.len() > 0,
        covered=pl.col("reasons").list.contains("coverage"),
    )
    bad, good = both.filter("bad"), both.filter(~pl.col("bad"))
    found = review.whole
    assert found.bad.value == pytest.approx(both["bad"].mean(), abs=1e-4)
    assert found.bad_kept.value == pytest.approx(
        both.filter(~pl.col("rejected"))["bad"].mean(), abs=1e-4
    )
    assert found.all.recall.value == pytest.approx(bad["rejected"].mean(), abs=1e-4)
    assert found.all.false_rejections.value == pytest.approx(good["rejected"].mean(), abs=1e-4)
    coverage = found.checks["coverage"]
    assert coverage.variants == both["covered"].sum()
    assert coverage.recall.value == pytest.approx(bad["covered"].mean(), abs=1e-4)
    assert coverage.precision.value == pytest.approx(both.filter("covered")["bad"].mean(), abs=1e-4)


def test_good_variants_calibrate(run: Run, tmp_path: Path) -> None:
    sheet, sample = tmp_path / "all.csv", draw(run, 1000, seed=0)
    keep_sample(run, sample)
    write_sheet(sample, sheet)
    import_judgements(run, [judge(sheet, tmp_path / "a.csv", bad=pl.lit(value=False))])
    good = good_variants(run)
    assert good.height == pl.read_csv(sheet).height
    target = usual_target(good)
    assert target > 0.02
    found = calibrate(good, run.recipe, target, loosened=True, reference="x", optimistic=False)
    assert set(found.too_few) < set(found.rows)
    now = run.recipe.checks.round_trip.min_chrf
    looser = found.values["checks.round_trip.min_chrf"]
    assert looser
    assert all(value < now.get(code) for code, value in looser.items())
    assert "checks.length.min_ratio" not in found.values or all(
        value < run.recipe.checks.length.min_ratio.get(code)
        for code, value in found.values["checks.length.min_ratio"].items()
    )


def test_a_variant_that_one_reviewer_calls_bad_calibrates_nothing(
    run: Run, sheet: Path, tmp_path: Path
) -> None:
    files = [
        judge(sheet, tmp_path / "a.csv", reviewer="Ana", bad=pl.lit(value=False)),
        judge(sheet, tmp_path / "b.csv", reviewer="Ben", bad=pl.lit(value=True)),
    ]
    import_judgements(run, files)
    assert good_variants(run).is_empty()
