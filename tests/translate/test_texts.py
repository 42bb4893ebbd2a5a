"""Earlier turns and responses through translation, verdicts and variant sets."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support import StubTranslator, put
from tiny_models import chat_tokenizer

from mlc_data.consistency.token_sets import tokenise_sets
from mlc_data.core.hashing import hash_rows, prompt_id
from mlc_data.core.parquet import read_parquet, write_table
from mlc_data.core.records import VARIANTS
from mlc_data.errors import RecipeError
from mlc_data.execute import run_stage, run_stages
from mlc_data.lm.prompt_format import PromptFormat
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import StageResult
from mlc_data.pipeline.staging import Staging
from mlc_data.recipe.loading import load_recipe, parse_recipe
from mlc_data.translate import stage
from mlc_data.translate.texts import text_id, texts_of

BAKE, SWIM, THEN = "How do I bake bread?", "How do I swim?", "And then, what do I do?"
CONTEXT = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": SWIM},
    {"role": "assistant", "content": "In water."},
]
LAST = {"role": "user", "content": THEN}
ROWS = [
    {"prompt": [*CONTEXT, LAST], "chosen": "Kick your legs.", "rejected": "Sink."},
    {"prompt": BAKE, "chosen": "With flour.", "rejected": "42"},
]
RESPONSES = {"fields": ["prompt", "chosen", "rejected"]}
Build = Callable[..., Run]


def translated(text: str, language: str = "swh_Latn") -> str:
    return f"[{language}] {text}"


@pytest.fixture
def build(make_run: Build, small: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Build:
    """Build sets of which all variants are kept, but for those of the texts in ``lost`` in Swahili."""
    stub = StubTranslator()
    monkeypatch.setattr(stage, "load_translator", lambda settings: stub)
    small["checks"] = {"language_identifiers": []}
    small["sets"] = {"test_share": 0.0}

    def make(rows: list[Any] = ROWS, lost: Collection[str] = (), **translate: Any) -> Run:
        run = make_run(rows, translate=translate)
        run_stage(run, "sources")
        run_stage(run, "translate")

        def verdicts(staging: Staging) -> StageResult:
            table = read_parquet(run.path("translations")).with_columns(rung=pl.lit("first"))
            gone = pl.col("source").is_in(list(lost)) & (pl.col("language") == "swh_Latn")
            table = table.filter(~gone).select(list(VARIANTS))
            write_table(table, staging.path("variants", "variants.parquet"), VARIANTS)
            return StageResult(content_hash={"variants": hash_rows(table.iter_rows(named=True))})

        with run.locked():
            put(run, "check", {}, ("variants",), verdicts, force=True)
        run_stage(run, "sets", force=True)
        return run

    return make


def sets_of(run: Run) -> dict[str, dict[str, Any]]:
    rows = pl.read_parquet(run.path("sets", "train-00000-of-00001.parquet"), glob=False)
    return {row["prompt"]: row for row in rows.iter_rows(named=True)}


def contexts(run: Run, prompt: str = THEN) -> dict[str, list[str]]:
    found = sets_of(run)[prompt]["variant_contexts"]
    return {one["language"]: [turn["content"] for turn in one["context"]] for one in found}


def test_turns_of_the_user_are_translated_and_others_stay(build: Build) -> None:
    run = build()
    assert contexts(run)["swh_Latn"] == ["Be kind.", translated(SWIM), "In water."]
    assert sets_of(run)[THEN]["context"] == CONTEXT


def test_roles_to_translate_can_be_named(build: Build) -> None:
    found = contexts(build(roles=["user", "system", "assistant"]))
    assert found["zho_Hans"] == [translated(turn["content"], "zho_Hans") for turn in CONTEXT]


def test_a_prompt_of_one_turn_has_no_context(build: Build) -> None:
    row = sets_of(build())[BAKE]
    assert (row["context"], row["variant_contexts"]) == ([], [])


def test_a_variant_whose_earlier_turn_was_not_kept_is_missing(build: Build) -> None:
    row = sets_of(build(lost=[SWIM]))[THEN]
    assert row["missing"] == ["swh_Latn"]
    assert [one["language"] for one in row["variant_contexts"]] == ["spa_Latn", "zho_Hans"]


def test_each_text_is_translated_once(build: Build) -> None:
    rows = [*ROWS, {"prompt": [*CONTEXT, {"role": "user", "content": "And now, what?"}]}]
    texts = texts_of(build(rows)).slice(0, 99)
    assert texts["prompt"].to_list() == [THEN, BAKE, "And now, what?", SWIM]
    assert texts["prompt_id"].n_unique() == 4


def test_a_run_without_conversations_translates_its_prompts_alone(build: Build) -> None:
    run = build([{"prompt": BAKE, "chosen": "Yes.", "rejected": "No."}])
    assert texts_of(run).slice(0, 99)["prompt_id"].to_list() == [prompt_id(BAKE)]
    assert not run.path("translated_preferences.parquet").exists()


def test_training_reads_the_turns_in_each_language(build: Build) -> None:
    form = PromptFormat(chat_tokenizer())
    languages = ("eng_Latn", "spa_Latn", "swh_Latn", "zho_Hans")
    rows = [sets_of(build())[THEN]]
    sets = tokenise_sets(rows, form, languages, 512)
    turns = [CONTEXT[0], {**CONTEXT[1], "content": translated(SWIM)}, CONTEXT[2]]
    assert sets.rows[0][2] == form.tokens(translated(THEN), turns)
    assert sets.rows[0][0] == form.tokens(THEN, CONTEXT)


def pairs_of(run: Run) -> list[dict[str, Any]]:
    path = run.path("translated_preferences.parquet")
    return list(pl.read_parquet(path, glob=False).iter_rows(named=True))


def test_responses_are_translated_where_the_recipe_says_so(build: Build) -> None:
    pairs = pairs_of(build(**RESPONSES))
    assert len(pairs) == 6
    (row,) = (p for p in pairs if p["language"] == "spa_Latn" and p["rejected"] != "42")
    assert row["prompt"] == translated(THEN, "spa_Latn")
    assert row["chosen"] == translated("Kick your legs.", "spa_Latn")
    assert row["rejected"] == translated("Sink.", "spa_Latn")
    assert row["context"][1]["content"] == translated(SWIM, "spa_Latn")


def test_what_is_the_same_in_all_languages_is_not_translated(build: Build) -> None:
    run = build(**RESPONSES)
    assert "42" not in texts_of(run).slice(0, 99)["prompt"].to_list()
    assert {pair["rejected"] for pair in pairs_of(run) if pair["chosen"].endswith("flour.")} == {
        "42"
    }


@pytest.mark.parametrize("lost", [THEN, SWIM, "Kick your legs.", "Sink."])
def test_a_pair_needs_all_of_its_parts(lost: str, build: Build) -> None:
    run = build(lost=[lost], **RESPONSES)
    assert [pair["language"] for pair in pairs_of(run)].count("swh_Latn") == 1
    notes = run.manifest.stages["sets"].notes["translated_pairs"]
    assert sum(notes.values()) == 6
    assert notes["kept"] == 5


def test_pairs_of_other_prompts_are_translated_whole(
    build: Build, small: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "pairs.csv").write_text("prompt,chosen,rejected\nWho is he?,A man.,Nobody.\n")
    small["sources"]["preferences"] = {"path": str(tmp_path / "pairs.csv")}
    pairs = pairs_of(build([{"prompt": BAKE}], **RESPONSES))
    assert [pair["prompt"] for pair in pairs][1] == translated("Who is he?")
    assert len(pairs) == 3


@pytest.mark.parametrize(
    ("translate", "told"),
    [
        ({"fields": ["chosen"]}, "`prompt` among the `fields`"),
        ({"roles": ["assistant"]}, "`user` among the `roles`"),
        ({**RESPONSES, "import": {"path": "x.csv"}}, "`import` has translations of prompts"),
    ],
)
def test_settings_that_do_not_go_together(
    translate: dict[str, Any], told: str, small: dict[str, Any]
) -> None:
    small["translate"] |= translate
    with pytest.raises(RecipeError, match=told):
        parse_recipe(small, "test")


def test_ids_tell_texts_apart_exactly() -> None:
    assert text_id("Yes.") != text_id("yes.")
    assert text_id("a\n\nb") != text_id("a b")


@pytest.mark.integration
def test_turns_and_responses_pass_the_checks_like_prompts(tmp_path: Path) -> None:
    learn, wash = "What do I need to learn a new language?", "I want to know how to wash a car."
    turns = [{"role": "user", "content": learn}, {"role": "assistant", "content": "Time."}]
    turns.append({"role": "user", "content": wash})
    recipe = load_recipe("quickstart", ["translate.cache=null", "languages.targets=[spa_Latn]"])
    data = recipe.model_dump(mode="json")
    data["translate"] |= {"fields": ["prompt", "chosen"]}
    path = tmp_path / "p.jsonl"
    path.write_text(
        pl.DataFrame([{"prompt": turns, "chosen": learn, "rejected": "No."}]).write_ndjson()
    )
    data["sources"] = {"prompts": {"path": str(path)}}
    data["sets"] |= {"test_share": 0.0}
    run = Run.create(parse_recipe(data, "test"), tmp_path / "run")
    run_stages(run, "sets")
    spanish = "¿Qué necesito para aprender un nuevo idioma?"
    assert contexts(run, wash) == {"spa_Latn": [spanish, "Time."]}
    assert [(pair["chosen"], pair["rejected"]) for pair in pairs_of(run)] == [(spanish, "No.")]
    counts = run.manifest.counts.variants
    assert counts and (counts.requested, counts.kept) == (2, 2)
