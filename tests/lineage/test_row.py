"""One row, down to decoding and scores, held against the tables."""

from __future__ import annotations

import polars as pl
import pytest
from lineage_run import OUTSIDE

from mlc_data.core.hashing import prompt_id
from mlc_data.errors import UsageError
from mlc_data.lineage.row import row_lineage
from mlc_data.pipeline.run import Run


def test_a_kept_variant_is_told_whole(finished: Run) -> None:
    found = row_lineage(finished, "1", "spa_Latn")
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
    found = row_lineage(finished, prompt_id(OUTSIDE)[:8])
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


def test_a_row_that_became_no_prompt_says_why(finished: Run) -> None:
    found = row_lineage(finished, "row:3")
    assert found.rejection is not None
    assert found.rejection.startswith("missing")
    assert found.variants == ()


def test_a_row_that_is_not_there_is_refused(finished: Run) -> None:
    for wanted in ("99", "ffffffffffffffff"):
        with pytest.raises(UsageError, match="no prompt"):
            row_lineage(finished, wanted)
