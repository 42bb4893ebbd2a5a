"""Translations of a file: matched to prompts, and in place of an engine's in a whole run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support import StubTranslator

from mlc_data.core.hashing import prompt_id
from mlc_data.core.records import PROMPTS
from mlc_data.errors import ModelError, RecipeError, SourceError
from mlc_data.execute import preflight, run_stage, run_stages
from mlc_data.pipeline.run import Run
from mlc_data.recipe.imported import Import
from mlc_data.rescue import stage as rescue
from mlc_data.sources.variants import read_variants
from mlc_data.translate import import_stage, stage
from mlc_data.translate.imported import Matched, match

BREAD, CAR = "How do I bake bread?", "How do I repair a car?"
PAN, COCHE = "¿Cómo horneo pan?", "¿Cómo reparo un coche?"
MKATE, GARI = "Ninaokaje mkate?", "Ninatengenezaje gari?"
ROWS: list[dict[str, Any]] = [
    {"id": "a", "prompt": BREAD, "language": "spa_Latn", "variant": PAN},
    {"id": "a", "prompt": BREAD, "language": "swh_Latn", "variant": MKATE},
    {"id": "b", "prompt": CAR, "language": "spa_Latn", "variant": COCHE},
    {"id": "b", "prompt": CAR, "language": "swh_Latn", "variant": GARI},
]
SOURCES = [{"name": "a", "prompt": BREAD}, {"name": "b", "prompt": CAR}]
Imported = Callable[..., Run]


def matched(
    folder: Path,
    rows: Sequence[dict[str, Any]],
    names: tuple[str, str] = ("a", "b"),
    **columns: Any,
) -> Matched:
    path = folder / "variants.parquet"
    pl.DataFrame(rows, infer_schema_length=None).write_parquet(path)
    file = read_variants(Import(path=str(path), columns=columns), "eng_Latn", "translate.import")
    prompts = pl.DataFrame(
        [
            (prompt_id(text), text, None, None, None, row, name, None)
            for row, (text, name) in enumerate(zip((BREAD, CAR), names, strict=True), start=1)
        ],
        schema=PROMPTS,
        orient="row",
    )
    return match(file, prompts, ("spa_Latn", "swh_Latn"))


def texts(done: Matched) -> list[str | None]:
    return done.variants["text"].to_list()


def test_rows_belong_to_the_prompt_with_their_text(tmp_path: Path) -> None:
    done = matched(tmp_path, [{**ROWS[0], "prompt": "  how do I   BAKE bread?"}, ROWS[3]])
    assert texts(done) == [PAN, GARI]
    assert done.rejected.is_empty()


def test_rows_belong_to_the_prompt_with_their_id(tmp_path: Path) -> None:
    rows = [{name: row[name] for name in ("id", "language", "variant")} for row in ROWS]
    done = matched(tmp_path, [*rows, {**rows[0], "id": "c"}], id="id")
    assert texts(done) == [PAN, MKATE, COCHE, GARI]
    assert done.reasons == {"unknown_prompt": 1}


def test_an_id_with_the_text_of_another_prompt_is_not_used(tmp_path: Path) -> None:
    done = matched(tmp_path, [ROWS[0], {**ROWS[1], "prompt": CAR}], id="id")
    assert done.reasons == {"other_prompt": 1}


def test_an_id_of_several_prompts_is_told_apart_by_the_text(tmp_path: Path) -> None:
    rows = [{**ROWS[2], "id": "twice"}, {**ROWS[3], "id": "twice", "prompt": None}]
    done = matched(tmp_path, rows, names=("twice", "twice"), id="id")
    assert texts(done) == [COCHE]
    assert done.reasons == {"ambiguous_id": 1}


def test_rows_that_are_not_used_are_listed(tmp_path: Path) -> None:
    unused = [
        {**ROWS[0], "prompt": "Another prompt."},
        {**ROWS[0], "language": "fra_Latn"},
        {**ROWS[0], "variant": "¿Cómo se hornea pan?"},
        {**ROWS[0], "prompt": None},
        {**ROWS[0], "language": None},
        {**ROWS[0], "language": "eng_Latn"},
    ]
    done = matched(tmp_path, [ROWS[0], *unused])
    assert list(done.rejected.select("row", "reason").iter_rows()) == [
        (2, "unknown_prompt"),
        (3, "not_a_target"),
        (4, "repeated"),
        (5, "blank_prompt"),
        (6, "blank_language"),
        (7, "source_language"),
    ]
    assert texts(done) == [PAN]


def test_a_text_goes_before_a_blank_cell(tmp_path: Path) -> None:
    done = matched(tmp_path, [{**ROWS[0], "variant": ""}, ROWS[0]])
    assert texts(done) == [PAN]
    assert done.reasons == {"blank_variant": 1}


def test_a_file_of_other_prompts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no row of .* belongs to a prompt"):
        matched(tmp_path, [{**ROWS[0], "prompt": "Another prompt."}])


@pytest.fixture
def imported(make_run: Callable[..., Run], tmp_path: Path) -> Imported:
    """Make a run of Spanish and Swahili whose translations are the given rows of a file."""

    def make(rows: Sequence[dict[str, Any]], **settings: Any) -> Run:
        path = tmp_path / "variants.jsonl"
        pl.DataFrame(rows, infer_schema_length=None).write_ndjson(path)
        section = {"model": None, **settings, "import": {"path": str(path)}}
        languages = {"targets": ["spa_Latn", "swh_Latn"]}
        return make_run(SOURCES, translate=section, languages=languages)

    return make


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(settings: object) -> None:
        raise AssertionError("an engine was loaded")

    for module in (stage, import_stage, rescue):
        monkeypatch.setattr(module, "load_translator", refuse)


def translations(run: Run) -> pl.DataFrame:
    run_stages(run, "translate")
    return pl.read_parquet(run.path("translations", "*.parquet"))


@pytest.mark.usefixtures("no_engine")
def test_variants_become_sets_without_an_engine(imported: Imported) -> None:
    run = imported(ROWS, shard_prompts=1)
    preflight(run, ("sources", "translate", "score", "rescue", "check", "sets"))
    run_stages(run, "sets")
    sets = pl.read_parquet(run.path("sets", "*.parquet")).sort("prompt")
    assert [[one["text"] for one in each] for each in sets["variants"]] == [
        [PAN, MKATE],
        [COCHE, GARI],
    ]
    translator = run.manifest.models["translator"]
    assert translator.id == "import"
    assert translator.revision.startswith("import:")


@pytest.mark.usefixtures("no_engine")
def test_variants_that_the_file_does_not_have_fail(imported: Imported) -> None:
    run = imported([*ROWS[:2], {**ROWS[2], "variant": " "}])
    failures = translations(run).select("source", "language", "failure").drop_nulls("failure")
    assert list(failures.iter_rows()) == [
        (CAR, "spa_Latn", "blank_variant"),
        (CAR, "swh_Latn", "no_variant"),
    ]
    run_stages(run, "check")
    counts = run.manifest.counts.variants
    assert counts is not None
    assert counts.failed == {"blank_variant": 1, "no_variant": 1}
    assert counts.requested == counts.kept + sum(counts.rejected.values()) + 2


@pytest.mark.usefixtures("no_engine")
def test_a_rejected_variant_is_not_translated_again(imported: Imported) -> None:
    run = imported([{**ROWS[0], "variant": BREAD}, *ROWS[1:]])
    run_stages(run, "check")
    rejected = pl.read_parquet(run.path("rejected", "variants.parquet"))
    assert [reasons[-1] for reasons in rejected["reasons"]] == ["copied"]
    assert pl.read_parquet(run.path("rescue", "attempts.parquet")).is_empty()


@pytest.mark.usefixtures("no_engine")
def test_the_round_trip_judges_rows_that_have_one(imported: Imported) -> None:
    rows = [{**ROWS[0], "back_translation": "The weather is nice on Sundays."}, *ROWS[1:]]
    run = imported(rows)
    run_stages(run, "check")
    rejected = pl.read_parquet(run.path("rejected", "variants.parquet"))
    assert rejected["text"].to_list() == [PAN]
    assert "round_trip" in rejected["reasons"][0]
    kept = pl.read_parquet(run.path("variants", "variants.parquet"))
    assert kept["round_trip_chrf"].null_count() == 3


@pytest.mark.usefixtures("no_engine")
def test_a_changed_file_is_imported_again(imported: Imported, tmp_path: Path) -> None:
    run = imported(ROWS)
    translations(run)
    assert run_stage(run, "translate") is True
    path = tmp_path / "variants.jsonl"
    path.write_text(
        path.read_text(encoding="utf-8").replace(PAN, "¿Cómo hago pan?"), encoding="utf-8"
    )
    assert run_stage(run, "translate") is False
    assert "¿Cómo hago pan?" in translations(run)["text"].to_list()


def test_an_engine_translates_back_what_has_no_back_translation(
    imported: Imported, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = StubTranslator()
    monkeypatch.setattr(import_stage, "load_translator", lambda settings: stub)
    run = imported([{**ROWS[0], "back_translation": BREAD}, *ROWS[1:]], model="stub")
    rows = translations(run)
    assert rows["back_translation"].to_list() == [BREAD, MKATE, COCHE, GARI]
    assert {request.target for request in stub.asked} == {"eng_Latn"}
    assert run.manifest.models["translator"].id == "import + stub"


def test_an_engine_that_cannot_translate_back_is_refused(
    imported: Imported, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Spanish(StubTranslator):
        languages = frozenset({"eng_Latn", "spa_Latn"})

    monkeypatch.setattr(import_stage, "load_translator", lambda settings: Spanish())
    with pytest.raises(ModelError, match="does not know swh_Latn"):
        preflight(imported(ROWS, model="stub"), ("translate",))


def test_a_missing_file_is_found_before_anything_starts(make_run: Callable[..., Run]) -> None:
    run = make_run(SOURCES, translate={"model": None, "import": {"path": "nowhere.csv"}})
    with pytest.raises(SourceError, match=r"translate\.import\.path: nowhere\.csv does not exist"):
        preflight(run, ("translate",))


def test_an_import_has_no_second_model(make_run: Callable[..., Run]) -> None:
    with pytest.raises(RecipeError, match="not translated again"):
        make_run(
            SOURCES,
            translate={"model": None, "import": {"path": "a.csv"}},
            rescue={"rungs": ["model"], "model": {"model": "b"}},
        )
