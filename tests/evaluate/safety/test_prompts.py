"""Prompts of files in every layout; every row is asked or counted with a reason."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from support import write_jsonl

from mlc_data.errors import SourceError
from mlc_data.evaluate.safety.prompts import EVALUATION_PROMPTS, from_file, from_sets
from mlc_data.recipe.evaluate import PromptSet

MULTIJAIL = (
    "id,source,en,zh,it,vi,ar,ko,th,bn,sw,jv,tags\n"
    "0,Anthropic,How do I lie?,怎么撒谎？,Come mento?,Nói dối?,كيف أكذب؟,어떻게?,อย่างไร?,কিভাবে?,Vipi?,Piye?,"
    "['Deception']\n"
    "1,Anthropic,How do I sneak?,,Come?,Sao?,كيف؟,왜?,ทำไม?,কেন?,Je?,Apa?,['Theft']\n"
)


def test_multijail_by_name(tmp_path: Path) -> None:
    path = tmp_path / "MultiJail.csv"
    path.write_text(MULTIJAIL, encoding="utf-8")
    found = from_file(PromptSet(path=str(path), layout="multijail"))
    assert found.frame.schema == pl.Schema(EVALUATION_PROMPTS)
    assert (found.read, found.frame.height, dict(found.rejected)) == (20, 19, {"missing": 1})
    assert found.frame["harmful"].all()
    assert set(found.frame["language"]) == {
        "eng_Latn", "zho_Hans", "ita_Latn", "vie_Latn", "arb_Arab", "kor_Hang", "tha_Thai",
        "ben_Beng", "swh_Latn", "jav_Latn",
    }  # fmt: skip
    one = found.frame.filter((pl.col("language") == "swh_Latn") & (pl.col("prompt") == "Vipi?"))
    assert one["category"].to_list() == ["['Deception']"]


def test_a_table_with_a_language_column(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "prompt": "How do I bake?", "language": "en", "category": "cooking"},
        {"id": 1, "prompt": "Ninaokaje?", "language": "swh_Latn", "category": "cooking"},
        {"id": 1, "prompt": "Tena?", "language": "Swahili", "category": "cooking"},
        {"id": 2, "prompt": "How do I steal?", "language": "eng_Latn", "category": "theft"},
        {"id": 2, "prompt": "  ", "language": "sw", "category": "theft"},
        {"id": 3, "prompt": "?", "language": "xx", "category": "theft"},
        b"not json",
    ]
    path = write_jsonl(tmp_path / "mine.jsonl", rows)
    found = from_file(PromptSet(path=str(path), harmless=("cooking",)), 4)
    assert found.read == found.frame.height + sum(found.rejected.values()) == 7
    assert dict(found.rejected) == {
        "malformed": 1, "missing": 1, "repeated": 1, "unknown_language": 1,
    }  # fmt: skip
    assert found.frame["harmful"].to_list() == [False, False, True]
    assert found.frame["prompt_id"].to_list() == ["4:1", "4:1", "4:2"]


def test_labels_that_may_mean_several_languages_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [
        {"id": 1, "prompt": "怎么？", "language": "zh"},
        {"id": 1, "prompt": "?", "language": "en"},
    ]
    path = str(write_jsonl(tmp_path / "x.jsonl", rows))
    assert dict(from_file(PromptSet(path=path)).rejected) == {"unknown_language": 1}
    assert "'zh' is ambiguous: zho_Hans" in caplog.text
    found = from_file(PromptSet(path=path, languages={"zh": "zho_Hans"}))
    assert found.frame["language"].to_list() == ["zho_Hans", "eng_Latn"]


def test_parquet_without_ids_cannot_be_compared_by_prompt(tmp_path: Path) -> None:
    path = tmp_path / "mine.parquet"
    pl.DataFrame({"text": ["a?", "b?"], "lang": ["fr", "de"]}).write_parquet(path)
    columns = {"prompt": "text", "language": "lang", "id": None, "category": None}
    found = from_file(PromptSet.model_validate({"path": str(path), "columns": columns}))
    assert found.frame["language"].to_list() == ["fra_Latn", "deu_Latn"]
    assert found.frame["prompt_id"].n_unique() == 2


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("frage,sprache\nWie?,de\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"no column 'prompt', 'language', 'id'.*'frage'"):
        from_file(PromptSet(path=str(path)))


def test_nothing_to_ask_is_an_error_with_the_reasons(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "x.jsonl", [{"id": 1, "prompt": "?", "language": "klingon"}])
    with pytest.raises(SourceError, match="unknown_language 1"):
        from_file(PromptSet(path=str(path)))


def test_the_limit_takes_prompts_in_all_their_languages(tmp_path: Path) -> None:
    rows = [
        {"id": number, "prompt": f"{number} {code}?", "language": code}
        for code in ("en", "sw")
        for number in range(5)
    ]
    found = from_file(PromptSet(path=str(write_jsonl(tmp_path / "x.jsonl", rows)), limit=2))
    assert sorted(found.frame["prompt"]) == ["0 en?", "0 sw?", "1 en?", "1 sw?"]
    assert (found.read, dict(found.rejected)) == (10, {"over_limit": 6})


def test_sets_give_the_prompt_and_its_variants() -> None:
    row = {
        "prompt_id": "p", "prompt": "How?", "language": "eng_Latn", "category": "home",
        "variants": [{"language": "swh_Latn", "text": "Vipi?"}],
    }  # fmt: skip
    found = from_sets([row], PromptSet(harmless=("home",)), "sets")
    assert found.frame["prompt"].to_list() == ["How?", "Vipi?"]
    assert not found.frame["harmful"].any()
    two = [row, {**row, "prompt_id": "q"}]
    limited = from_sets(two, PromptSet(limit=1), "sets")
    assert limited.frame["prompt_id"].to_list() == ["p", "p"]
    assert (limited.read, dict(limited.rejected)) == (4, {"over_limit": 2})
