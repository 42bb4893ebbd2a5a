"""A run's review: judgements imported, measured and kept."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import polars as pl
from pydantic import ValidationError

from mlc_data.checks.stage import recipe_checks
from mlc_data.core.files import write_text
from mlc_data.core.manifest import now
from mlc_data.core.parquet import read_table
from mlc_data.core.records import Status
from mlc_data.errors import UsageError
from mlc_data.pipeline.layout import REVIEW
from mlc_data.pipeline.run import Run
from mlc_data.review.judgements import (
    JUDGED,
    choose_sample,
    judged_path,
    keep_judgements,
    read_judgements,
)
from mlc_data.review.measures import Sizes, agreement, bad_kept, bad_share, measure, weighted
from mlc_data.review.record import Judged, Measures, Review
from mlc_data.review.sample import ALL, counts_of, kept_samples, refuse_undecided, verdicts_of

log = logging.getLogger(__name__)


def import_judgements(run: Run, paths: Sequence[Path]) -> Review:
    """Read files of judgements, keep them with the run, and write and return its review.

    Raises:
        UsageError: the run has no verdicts or no sample; or a file cannot be used.
    """
    refuse_undecided(run)
    samples = kept_samples(run)
    if not samples:
        raise UsageError(
            f"{run.folder} has no sample to judge: mlc-data review {run.folder} --sample 50"
        )
    name = choose_sample(paths, samples)
    read = [read_judgements(path, samples[name]) for path in paths]
    with run.locked():
        review = measured(run, name, samples[name], keep_judgements(run, name, read))
        write_text(run.path(REVIEW), review.model_dump_json(indent=2) + "\n")
    return review


def read_review(run: Run) -> Review:
    """Return the review that is kept with a run.

    Raises:
        UsageError: there is none, or another version wrote it.
    """
    path = run.path(REVIEW)
    if not path.is_file():
        raise UsageError(
            f"{run.folder} has not been reviewed: write a sample with --sample 50, judge its rows, and give "
            "the file to --import"
        )
    try:
        return Review.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise UsageError(
            f"{path} is not a review of this version: give the judged file to --import again"
        ) from error


def measured(run: Run, name: str, sample: pl.DataFrame, judged: pl.DataFrame) -> Review:
    """Return the review of a sample's judgements under the run's present verdicts.

    Raises:
        UsageError: every judged variant has another text now.
    """
    rows = with_verdicts(run, judged)
    changed = judged["row"].n_unique() - rows.height
    if rows.is_empty():
        raise UsageError(
            f"every judged variant of {run.folder} has another text now: draw a new sample with --sample"
        )
    if changed:
        log.warning("review: %d judged variants have another text now and are left out", changed)
    checks = [check.name for check in recipe_checks(run.recipe) if check.enabled]
    strata = sample.group_by("language", "stratum").agg(pl.col("stratum_size").first())
    left = judged.filter(pl.col("row").is_in(rows["row"].to_list()))
    judged_strata = strata.join(left, on=["language", "stratum"], how="semi")
    represented, total = (int(table["stratum_size"].sum()) for table in (judged_strata, strata))
    counts = counts_of(run)

    def of(code: str) -> pl.Expr:
        return pl.col("language") == code

    targets = [code for code in run.recipe.languages.targets if (rows["language"] == code).any()]
    return Review(
        date=now(),
        sample=name,
        variants=run.manifest.content_hash.variants,
        reviewers=sorted(judged["reviewer"].unique()),
        changed=changed,
        variants_represented=represented,
        variants_not_represented=total - represented,
        whole=_judged(rows, checks, counts),
        languages={
            code: _judged(rows.filter(of(code)), checks, counts.filter(of(code)))
            for code in targets
        },
        agreement=agreement(judged),
    )


def with_verdicts(run: Run, judged: pl.DataFrame) -> pl.DataFrame:
    """Return the judged variants whose text is still the same, as `measures.weighted` does, with their present
    ``verdict``, ``reasons``, ``source``, ``back_translation`` and scores."""
    present = verdicts_of(run, judged["row"].unique().to_list()).drop("language", "prompt_id")
    kept = judged.join(
        present.select("row", variant="text"),
        on=["row", "variant"],
        how="semi",
        maintain_order="left",
    )
    return weighted(kept).join(present, on="row", how="inner", maintain_order="left")


def good_variants(run: Run) -> pl.DataFrame:
    """Return ``language``, ``weight`` and the scores of the variants that every reviewer calls good.

    Raises:
        UsageError: the run has not been reviewed.
    """
    judged = read_table(judged_path(run, read_review(run).sample), JUDGED)
    return with_verdicts(run, judged).filter(pl.col("bad") == 0)


def _judged(rows: pl.DataFrame, checks: Sequence[str], counts: pl.DataFrame) -> Judged:
    """Return the measures of judged variants of some languages; ``counts`` is `counts_of` these languages."""
    numbers: dict[str | None, int] = dict(
        counts.group_by("reason").agg(pl.col("number").sum()).iter_rows()
    )
    total, kept = numbers[ALL], numbers.get(None, 0)
    of_all = Sizes(total - kept, kept)
    rejected = rows["verdict"] == Status.REJECTED

    def of_check(name: str) -> Measures:
        flagged = numbers.get(name, 0)
        return measure(rows, rows["reasons"].list.contains(name), Sizes(flagged, total - flagged))

    return Judged(
        rows=rows.height,
        bad=bad_share(rows, rejected, of_all),
        bad_kept=bad_kept(rows, rejected),
        all=measure(rows, rejected, of_all),
        checks={name: of_check(name) for name in checks},
    )
