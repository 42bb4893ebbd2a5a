"""The two stages: every requested variant is accounted for, and thresholds cost nothing."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support import put

from mlc_data.checks.scoring import score_names
from mlc_data.checks.stage import ScoreStage, recipe_checks
from mlc_data.checks.verdicts import judge, rejected_schema, scores_schema, variants_schema
from mlc_data.core.parquet import write_table
from mlc_data.core.records import TRANSLATIONS
from mlc_data.errors import MlcDataError, ModelError, UsageError
from mlc_data.execute import run_stage
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import StageResult
from mlc_data.recipe.recipe import Recipe

Rows = Callable[..., pl.DataFrame]

SOURCE = "How can I bake bread at home?"
VARIANTS: list[tuple[Any, ...]] = [
    (SOURCE, "¿Cómo puedo hornear pan en casa?", "spa_Latn", SOURCE),
    (SOURCE, "Ninawezaje kuoka mkate nyumbani?", "swh_Latn", SOURCE),
    (SOURCE, "我怎么在家烤面包？", "zho_Hans", SOURCE),
    ("Tell me a story.", "Tell me a story.", "spa_Latn", "Tell me a story."),
    ("Tell me a story.", None, "swh_Latn"),
    ("Tell me a story.", "给我讲个故事。", "zho_Hans", "The weather is nice."),
]


@pytest.fixture
def translated(
    make_run: Callable[..., Run], rows: Rows
) -> Callable[[list[tuple[Any, ...]], dict[str, Any]], Run]:
    """A run whose translations are the given rows, in files of two."""

    def make(variants: list[tuple[Any, ...]], checks: dict[str, Any]) -> Run:
        run = make_run([{"prompt": SOURCE}], checks=checks)
        table = rows(*variants)

        def work(staging: Any) -> StageResult:
            for number, part in enumerate(table.iter_slices(2) if variants else [table]):
                path = staging.path("translations", f"part-{number:05d}.parquet")
                write_table(part, path, TRANSLATIONS)
            return StageResult(content_hash={"translations": f"of {len(variants)}"})

        put(run, "translate", {"n": len(variants)}, ("translations",), work)
        return run

    return make


def tables(run: Run) -> tuple[pl.DataFrame, pl.DataFrame]:
    kept, aside = run.path("variants/variants.parquet"), run.path("rejected/variants.parquet")
    return pl.read_parquet(kept), pl.read_parquet(aside)


def test_every_requested_variant_is_kept_or_rejected(
    translated: Callable[..., Run],
) -> None:
    run = translated(VARIANTS, {})
    assert run_stage(run, "score") is False
    assert run_stage(run, "check") is False
    kept, aside = tables(run)
    names = score_names(recipe_checks(run.recipe))
    assert kept.schema == variants_schema(names)
    assert aside.schema == rejected_schema(names)
    scores = pl.read_parquet(run.path("scores/scores.parquet"))
    assert scores.schema == scores_schema(names)
    assert scores.height == 5

    assert kept["language"].to_list() == ["spa_Latn", "swh_Latn", "zho_Hans"]
    found = aside.select("language", "status", "reason", "reasons", "failure").rows()
    assert found == [
        ("spa_Latn", "rejected", "copied", ["copied"], None),
        ("swh_Latn", "failed", "output_limit", ["output_limit"], "output_limit"),
        ("zho_Hans", "rejected", "intent", ["intent", "round_trip"], None),
    ]
    # A rejected variant keeps its text and all its scores; a failed one has none. Cognates are
    # compared where the back-translation looks like that of another prompt.
    assert aside["text"].to_list() == ["Tell me a story.", None, "给我讲个故事。"]
    always = [name for name in names if name != "round_trip_cognates"]
    assert [None in row for row in aside.select(always).rows()] == [False, True, False]

    counts = run.manifest.counts
    assert counts.variants is not None and counts.by_language is not None
    assert counts.variants.model_dump() == {
        "requested": 6,
        "kept": 3,
        "rejected": {"copied": 1, "intent": 1},
        "failed": {"output_limit": 1},
    }
    assert {code: one.kept for code, one in counts.by_language.items()} == {
        "spa_Latn": 1, "swh_Latn": 1, "zho_Hans": 1,
    }  # fmt: skip
    for one in (counts.variants, *counts.by_language.values()):
        assert one.requested == one.kept + sum(one.rejected.values()) + sum(one.failed.values())
    assert run.manifest.models["language_identifier"].licence == "CC-BY-SA-3.0"


def test_thresholds_change_verdicts_and_not_scores(translated: Callable[..., Run]) -> None:
    run = translated(VARIANTS, {})
    run_stage(run, "score")
    run_stage(run, "check")
    before = run.manifest
    sections = run.recipe.model_dump(mode="json")
    for name in ("coverage", "intent", "round_trip"):
        sections["checks"][name]["enabled"] = False
    changed = Run(Recipe.model_validate(sections), run.folder)
    assert run_stage(changed, "score") is True
    assert run_stage(changed, "check") is False
    assert run_stage(changed, "check") is True
    after = changed.manifest
    assert after.content_hash.scores == before.content_hash.scores
    assert after.content_hash.variants != before.content_hash.variants
    assert after.counts.variants is not None
    assert after.counts.variants.rejected == {"copied": 1}


def test_a_run_without_translations_in_it_is_empty_and_whole(
    translated: Callable[..., Run],
) -> None:
    run = translated([], {})
    run_stage(run, "score")
    run_stage(run, "check")
    kept, aside = tables(run)
    assert (kept.height, aside.height) == (0, 0)
    assert run.manifest.counts.variants is not None
    assert run.manifest.counts.variants.requested == 0


def test_nothing_but_failures(translated: Callable[..., Run]) -> None:
    run = translated([(SOURCE, None, "spa_Latn"), (SOURCE, None, "swh_Latn")], {})
    run_stage(run, "score")
    run_stage(run, "check")
    assert run.manifest.counts.variants is not None
    assert run.manifest.counts.variants.failed == {"output_limit": 2}


def test_the_same_rows_give_the_same_hashes(
    translated: Callable[..., Run],
) -> None:
    run = translated(VARIANTS, {})
    run_stage(run, "score")
    run_stage(run, "check")
    first = run.manifest.content_hash
    run_stage(run, "score", force=True)
    run_stage(run, "check", force=True)
    assert run.manifest.content_hash == first


def test_language_identification_left_out_is_said(
    translated: Callable[..., Run], caplog: pytest.LogCaptureFixture
) -> None:
    run = translated(VARIANTS, {"language_identifiers": []})
    with caplog.at_level(logging.WARNING):
        run_stage(run, "score")
    assert "checks.language_identifiers is empty" in caplog.text
    assert "language_id" in run.manifest.stages["score"].notes
    assert "language_identifier" not in run.manifest.models
    run_stage(run, "check")
    kept, _ = tables(run)
    assert not [name for name in kept.columns if name.startswith("language_id")]


def test_word_lists_are_part_of_the_scores(
    translated: Callable[..., Run], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    files = {"eng_Latn": "darn\n", "spa_Latn": "pan\n", "swh_Latn": "mjinga\n"}
    for code, words in files.items():
        (tmp_path / f"{code}.txt").write_text(words)
    words = {code: str(tmp_path / f"{code}.txt") for code in files}
    run = translated(VARIANTS, {"toxicity": {"words": words}})
    with caplog.at_level(logging.WARNING):
        assert run_stage(run, "score") is False
    told = "toxicity: not judged, no list in checks.toxicity.words: zho_Hans"
    assert run.manifest.stages["score"].notes["toxicity"] == told
    assert told in caplog.text
    run_stage(run, "check")
    found = run.manifest.counts.variants
    assert found is not None
    assert found.rejected == {"copied": 1, "intent": 1, "toxicity": 1}
    assert run_stage(run, "score") is True
    Path(words["spa_Latn"]).write_text("tonto\n")
    assert run_stage(run, "score") is False
    run_stage(run, "check")
    found = run.manifest.counts.variants
    assert found is not None and found.rejected == {"copied": 1, "intent": 1}


def test_variants_that_prompts_share_are_rejected(translated: Callable[..., Run]) -> None:
    answer = "Ninawezaje kuoka mkate nyumbani kwangu leo asubuhi?"
    prompts = (SOURCE, "Which mushrooms are poisonous?", "Write a poem about the sea.")
    run = translated(
        [*((prompt, answer, "swh_Latn", prompt) for prompt in prompts[:1]),
         *((prompt, answer, "swh_Latn", "How can I bake bread at home?") for prompt in prompts[1:])],
        {name: {"enabled": False} for name in ("coverage", "intent", "length", "round_trip")},
    )  # fmt: skip
    run_stage(run, "score")
    run_stage(run, "check")
    kept, aside = tables(run)
    assert kept["source"].to_list() == [SOURCE]
    assert aside["reason"].to_list() == ["duplicate", "duplicate"]
    assert aside["duplicate_similarity"].min() > 0.5
    found = run.manifest.counts.variants
    assert found is not None
    assert found.model_dump() == {
        "requested": 3, "kept": 1, "rejected": {"duplicate": 2}, "failed": {},
    }  # fmt: skip


def test_a_named_identifier_that_is_missing_stops_the_run(
    translated: Callable[..., Run], tmp_path: Path
) -> None:
    run = translated(VARIANTS, {"language_identifiers": str(tmp_path / "lid.ftz")})
    with pytest.raises(ModelError, match=r"checks\.language_identifiers"):
        ScoreStage().preflight(run)
    with pytest.raises(ModelError):
        run_stage(run, "score")


def test_stages_are_not_done_before_those_they_read(make_run: Callable[..., Run]) -> None:
    run = make_run([{"prompt": SOURCE}])
    with pytest.raises(UsageError, match="translations"):
        run_stage(run, "score")
    with pytest.raises(UsageError, match="run the stage before"):
        run_stage(run, "check")


def test_scores_of_other_translations_are_refused(
    translated: Callable[..., Run], rows: Rows
) -> None:
    run = translated(VARIANTS, {})
    run_stage(run, "score")
    checks = recipe_checks(run.recipe)
    scores = pl.read_parquet(run.path("scores/scores.parquet"))
    with pytest.raises(MlcDataError, match="run the score stage again"):
        judge(rows(*VARIANTS[:3]).drop("segments"), scores, checks)
