"""The stage with the stub in the engine's place; `tests/road` has the real one."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from support import StubTranslator

from mlc_data.execute import run_stage
from mlc_data.pipeline.run import Run
from mlc_data.translate import stage

ROWS = [
    {"prompt": "How do I bake bread? Tell me now."},
    {"prompt": "How do I bake bread?  I have flour."},
    {"prompt": "This sentence is too long. This one is not."},
]


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> StubTranslator:
    made = StubTranslator()
    monkeypatch.setattr(stage, "load_translator", lambda settings: made)
    return made


def test_sentences_are_translated_once_and_joined(
    make_run: Callable[..., Run], stub: StubTranslator
) -> None:
    run = make_run(ROWS)
    run_stage(run, "sources")
    run_stage(run, "translate")
    rows = pl.read_parquet(run.path("translations", "*.parquet"))
    assert rows.height == 9
    first = rows.row(0, named=True)
    assert first["text"] == "[spa_Latn] How do I bake bread? [spa_Latn] Tell me now."
    assert first["back_translation"] == ROWS[0]["prompt"]
    assert [segment["source"] for segment in first["segments"]] == [
        "How do I bake bread?",
        "Tell me now.",
    ]
    second = rows.filter(pl.col("language") == "swh_Latn").row(1, named=True)
    assert second["text"] == "[swh_Latn] How do I bake bread?  [swh_Latn] I have flour."
    assert len(stub.asked) == len(set(stub.asked))


def test_a_sentence_that_fails_fails_its_variant_and_no_other(
    make_run: Callable[..., Run], stub: StubTranslator
) -> None:
    run = make_run(ROWS)
    run_stage(run, "sources")
    run_stage(run, "translate")
    rows = pl.read_parquet(run.path("translations", "*.parquet"))
    failed = rows.filter(pl.col("failure").is_not_null())
    assert failed["failure"].unique().to_list() == ["segment_too_long"]
    assert failed["text"].to_list() == [None] * 3
    assert failed["source"].unique().to_list() == [ROWS[2]["prompt"]]
    assert failed["segments"][0][1]["text"] == "[spa_Latn] This one is not."


def test_the_cache_answers_the_second_time_with_the_same_rows(
    make_run: Callable[..., Run], stub: StubTranslator, tmp_path: Path
) -> None:
    run = make_run(ROWS, translate={"cache": str(tmp_path / "cache")})
    run_stage(run, "sources")
    run_stage(run, "translate")
    first, asked = run.manifest.content_hash.translations, len(stub.asked)
    assert run_stage(run, "translate") is True
    assert run_stage(run, "translate", force=True) is False
    assert len(stub.asked) == asked
    assert run.manifest.content_hash.translations == first


def test_without_round_trip_nothing_is_translated_back(
    make_run: Callable[..., Run], stub: StubTranslator
) -> None:
    run = make_run(ROWS, translate={"round_trip": False})
    run_stage(run, "sources")
    run_stage(run, "translate")
    assert {request.source for request in stub.asked} == {"eng_Latn"}
    rows = pl.read_parquet(run.path("translations", "*.parquet"))
    assert rows["back_translation"].null_count() == rows.height


def test_shards_hold_every_variant_once(make_run: Callable[..., Run], stub: StubTranslator) -> None:
    run = make_run(
        [{"prompt": f"How do I win race number {number}?"} for number in range(25)],
        translate={"shard_prompts": 10},
    )
    run_stage(run, "sources")
    run_stage(run, "translate")
    assert len(list(run.path("translations").glob("*.parquet"))) == 3
    rows = pl.read_parquet(run.path("translations", "*.parquet"))
    assert rows.select("prompt_id", "language").is_unique().all()
    assert rows.height == 75
