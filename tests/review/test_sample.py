"""The sample of a run: what it holds, and what is kept of it."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from mlc_data.errors import UsageError
from mlc_data.pipeline.run import Run
from mlc_data.review.sample import SAMPLE, draw, keep_sample, kept_samples


def test_a_sample_has_rows_of_every_language_and_verdict(run: Run) -> None:
    sample = draw(run, 12, seed=0)
    assert sample.schema == SAMPLE
    assert sample["language"].unique(maintain_order=True).to_list() == list(
        run.recipe.languages.targets
    )
    assert set(sample["verdict"]) == {"kept", "rejected"}
    assert sample["variant"].null_count() == 0
    assert sample.filter(verdict="rejected")["reason"].null_count() == 0


def test_sizes_of_the_strata_add_up_to_all_variants_with_a_text(run: Run) -> None:
    sample = draw(run, 12, seed=0)
    strata = sample.unique(["language", "stratum"])["stratum_size"].sum()
    tables = [
        pl.read_parquet(run.path(name, "variants.parquet")) for name in ("variants", "rejected")
    ]
    assert strata == tables[0].height + tables[1]["text"].count()


def test_the_same_seed_gives_the_same_sample(run: Run) -> None:
    assert draw(run, 12, seed=5).equals(draw(run, 12, seed=5))
    assert not draw(run, 12, seed=5).equals(draw(run, 12, seed=6))


def test_verdicts_are_mixed_within_a_language(run: Run) -> None:
    verdicts = draw(run, 12, seed=0).filter(language="swh_Latn")["verdict"].to_list()
    assert verdicts not in (sorted(verdicts), sorted(verdicts, reverse=True))


def test_more_rows_than_there_are_give_all(run: Run) -> None:
    sample = draw(run, 10_000, seed=0)
    assert sample["row"].n_unique() == sample.height
    counts = sample.group_by("language", "stratum").agg(pl.len(), pl.col("stratum_size").first())
    assert (counts["len"] == counts["stratum_size"]).all()


def test_every_sample_is_kept(run: Run) -> None:
    samples = [draw(run, 4, seed=0), draw(run, 4, seed=1)]
    names = [keep_sample(run, sample) for sample in samples]
    kept = kept_samples(run)
    assert set(kept) == set(names)
    assert kept[names[0]].equals(samples[0])


@pytest.mark.parametrize("harmed", [b"", b"zeros" * 99])
def test_a_harmed_sample_is_written_anew(run: Run, harmed: bytes) -> None:
    sample = draw(run, 4, seed=0)
    name = keep_sample(run, sample)
    run.path("review", f"sample-{name}.parquet").write_bytes(harmed)
    assert keep_sample(run, sample) == name
    assert kept_samples(run)[name].equals(sample)


def test_a_run_without_verdicts_is_refused(run: Run, tmp_path: Path) -> None:
    run.path("variants", "variants.parquet").unlink()
    with pytest.raises(UsageError, match="has no verdicts to review yet: mlc-data check"):
        draw(run, 12, seed=0)
