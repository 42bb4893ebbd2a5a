"""One small file in each layout and format; what has to come out of each stands in `layouts/expected.json`."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

LAYOUTS = Path(__file__).parent / "layouts"
EXPECTED = json.loads((LAYOUTS / "expected.json").read_text(encoding="utf-8"))

each = pytest.mark.parametrize("expected", EXPECTED, ids=[one["file"] for one in EXPECTED])
Read = Callable[..., Any]


@pytest.fixture
def read(read_file: Read, expected: dict[str, Any]) -> Any:
    path = LAYOUTS / expected["file"]
    return read_file(None, "p.jsonl", path=str(path), **expected["settings"])


def test_there_are_files_of_25_layouts() -> None:
    assert len(EXPECTED) >= 25
    assert {one["file"] for one in EXPECTED} == {
        path.name for path in LAYOUTS.iterdir() if path.name != "expected.json"
    }


@each
def test_a_layout_is_read_to_its_prompts(read: Any, expected: dict[str, Any]) -> None:
    assert read.prompts == expected["prompts"]


@each
def test_a_layout_is_read_to_its_pairs(read: Any, expected: dict[str, Any]) -> None:
    assert [list(pair) for pair in read.pairs] == expected["pairs"]


@each
def test_the_rows_of_a_layout_add_up(read: Any, expected: dict[str, Any]) -> None:
    kept = len(expected["prompts"])
    assert read.prompt_counts == {
        "read": expected["read"], "kept": kept, "rejected": expected["rejected"]
    }  # fmt: skip
    assert expected["read"] == kept + sum(expected["rejected"].values())


@each
def test_the_pairs_of_a_layout_add_up(read: Any, expected: dict[str, Any]) -> None:
    kept, rejected = len(expected["pairs"]), expected["pairs_rejected"]
    assert read.pair_counts == {
        "read": kept + sum(rejected.values()), "kept": kept, "rejected": rejected
    }  # fmt: skip


@each
def test_system_prompts_and_earlier_turns_are_kept(read: Any, expected: dict[str, Any]) -> None:
    found = dict(zip(read.prompts, read.column("prompts.parquet", "context"), strict=True))
    assert {prompt: turns for prompt, turns in found.items() if turns} == expected["contexts"]
