"""Audit of a file: every check, every row accounted for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mlc_data.audit import Audit, audit
from mlc_data.errors import UsageError
from mlc_data.recipe.imported import Import
from mlc_data.recipe.loading import load_recipe

BREAD, CAR = "How can I bake 3 loaves of bread?", "How do I repair a car?"
MKATE = "Ninawezaje kuoka mikate 3?"
GARI = "Ninawezaje kutengeneza gari?"


def run(folder: Path, rows: list[dict[str, Any]], *overrides: str, **settings: Any) -> Audit:
    folder.mkdir(exist_ok=True)
    pl.DataFrame(rows, infer_schema_length=None).write_parquet(folder / "in.parquet")
    imported = Import(path=str(folder / "in.parquet"), **settings)
    recipe = load_recipe("quickstart", ["checks.language_identifiers=[]", *overrides])
    return audit(imported, recipe, folder / "out")


def row(prompt: str, variant: str | None, back: str | None = None) -> dict[str, Any]:
    return {
        "prompt": prompt,
        "language": "swh_Latn",
        "variant": variant,
        "back_translation": back,
    }


def verdicts(done: Audit) -> list[tuple[str, list[str]]]:
    return list(pl.read_parquet(done.table).select("status", "reasons").iter_rows())


def test_all_reasons_are_listed(tmp_path: Path) -> None:
    done = run(tmp_path, [row(BREAD, "How can I bake loaves of bread?")])
    assert verdicts(done) == [("rejected", ["copied", "preserved"])]


def test_good_variants_are_kept_with_their_scores(tmp_path: Path) -> None:
    done = run(tmp_path, [row(BREAD, MKATE, BREAD)])
    [kept] = pl.read_parquet(done.table).to_dicts()
    assert (kept["row"], kept["language"], kept["status"]) == (1, "swh_Latn", "kept")
    assert kept["round_trip_chrf"] == 100
    assert kept["length_ratio"] > 0


def test_without_back_translations_nothing_is_said_of_the_round_trip(tmp_path: Path) -> None:
    done = run(tmp_path, [row(BREAD, MKATE), row(CAR, GARI)])
    assert "round_trip_chrf" not in pl.read_parquet(done.table).columns
    assert verdicts(done) == [("kept", []), ("kept", [])]
    assert "2 of 2 variants have no back-translation" in done.notes["round_trip"]


def test_rows_without_a_back_translation_abstain_among_others(tmp_path: Path) -> None:
    wrong = row(CAR, GARI, "The weather is nice on Sundays.")
    done = run(tmp_path, [row(BREAD, MKATE), wrong])
    assert pl.read_parquet(done.table)["round_trip_chrf"].is_null().to_list() == [True, False]
    (status, _), (_, reasons) = verdicts(done)
    assert status == "kept"
    assert "round_trip" in reasons


def test_variants_of_different_prompts_that_are_the_same_are_found(tmp_path: Path) -> None:
    done = run(tmp_path, [row("How can I bake bread?", GARI), row(CAR, GARI)])
    assert [reasons for _, reasons in verdicts(done)] == [["duplicate"], ["duplicate"]]


def test_two_variants_of_one_prompt_are_no_duplicates(tmp_path: Path) -> None:
    done = run(tmp_path, [row(CAR, GARI), row(CAR, GARI)])
    assert verdicts(done) == [("kept", []), ("kept", [])]


def test_every_row_is_kept_rejected_or_failed(tmp_path: Path) -> None:
    rows = [row(BREAD, MKATE), row(BREAD, None), row(" ", MKATE), row(BREAD, BREAD)]
    done = run(tmp_path, [*rows, {**rows[0], "language": None}])
    total = done.total
    assert (total.read, total.kept, total.rejected, total.failed) == (5, 1, 1, 3)
    assert done.by_language[None].reasons == {"blank_language": 1}
    table = pl.read_parquet(done.table)
    assert table["row"].to_list() == [1, 2, 3, 4, 5]
    assert table["detail"].to_list()[1] == "row 2: 'variant' is blank"


def test_a_file_of_failures_alone_is_no_error(tmp_path: Path) -> None:
    assert verdicts(run(tmp_path, [row(BREAD, "")])) == [("failed", ["blank_variant"])]


def test_a_wide_file_is_read_in_each_language(tmp_path: Path) -> None:
    done = run(
        tmp_path,
        [{"prompt": CAR, "sw": GARI, "de": "Wie repariere ich ein Auto?"}],
        wide={"swh_Latn": "sw", "deu_Latn": "de"},
    )
    assert {code: each.kept for code, each in done.by_language.items()} == {
        "swh_Latn": 1,
        "deu_Latn": 1,
    }


def test_settings_of_the_recipe_decide(tmp_path: Path) -> None:
    done = run(tmp_path, [row(BREAD, BREAD)], "checks.copied.enabled=false")
    assert verdicts(done) == [("kept", [])]


def test_many_rows_keep_their_order(tmp_path: Path) -> None:
    rows = [
        row(f"How can I bake {n} loaves?", None if n % 3 else f"Mikate {n}?") for n in range(4100)
    ]
    table = pl.read_parquet(run(tmp_path, rows).table)
    assert table["row"].to_list() == list(range(1, 4101))
    assert (table["status"] == "failed").to_list() == [bool(n % 3) for n in range(4100)]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match="cannot make the folder"):
        run(tmp_path, [row(BREAD, MKATE)])
