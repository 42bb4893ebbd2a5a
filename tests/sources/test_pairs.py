import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mlc_data.errors import SourceError
from mlc_data.recipe.loading import parse_recipe
from mlc_data.sources.preferences import require_pairs

SWIM, BAKE = "How do I swim?", "How do I bake bread?"


def row(number: int, prompt: str = SWIM) -> dict[str, str]:
    return {"prompt": prompt, "chosen": f"good {number}", "rejected": f"bad {number}"}


def test_all_pairs_of_a_prompt_are_used(read_file: Callable[..., Any]) -> None:
    read = read_file([row(number) for number in range(5)])
    assert read.pairs == [(SWIM, f"good {number}", f"bad {number}") for number in range(5)]
    assert read.pair_counts == {"read": 5, "kept": 5, "rejected": {}}
    assert read.prompt_counts == {"read": 5, "kept": 1, "rejected": {"duplicate": 4}}


def test_pairs_among_prompts_are_counted_with_reasons(read_file: Callable[..., Any]) -> None:
    rows = [
        row(1), row(2), row(1), {**row(3), "chosen": "bad 3"}, {**row(4), "rejected": 4},
        {"prompt": SWIM}, {"prompt": BAKE, "chosen": "good"}, row(5, SWIM.upper()),
    ]  # fmt: skip
    read = read_file(rows)
    assert read.pair_counts == {
        "read": 7,
        "kept": 3,
        "rejected": {"duplicate": 1, "missing": 1, "not_a_string": 1, "same_responses": 1},
    }
    assert read.column("rejected/preferences.parquet", "row") == [3, 4, 5, 7]


def test_the_same_file_gives_the_same_pairs_as_prompts_and_as_preferences(
    read_file: Callable[..., Any], small: dict[str, Any], tmp_path: Path
) -> None:
    rows = [row(number, prompt) for prompt in (SWIM, BAKE) for number in (1, 2, 2)]
    among = read_file(rows)
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    small["sources"]["preferences"] = {"path": str(tmp_path / "pairs.jsonl")}
    own = read_file([{"prompt": SWIM}, {"prompt": BAKE}], "q.jsonl")
    assert own.pairs == among.pairs
    assert (
        own.pair_counts == among.pair_counts == {"read": 6, "kept": 4, "rejected": {"duplicate": 2}}
    )


def test_a_prompt_has_the_first_pair_that_can_be_used(read_file: Callable[..., Any]) -> None:
    read = read_file([{"prompt": SWIM}, row(1), row(2)])
    assert read.column("prompts.parquet", "chosen") == ["good 1"]
    assert read.column("prompts.parquet", "row") == [1]


def test_pairs_of_rejected_prompts_are_not_used(read_file: Callable[..., Any]) -> None:
    read = read_file([row(1, "🙂🙂"), row(2)])
    assert [pair[1] for pair in read.pairs] == ["good 2"]


def test_an_index_that_is_missing_everywhere_costs_no_prompt(read_file: Callable[..., Any]) -> None:
    columns = {"responses": ["a", "b"], "chosen_index": "better"}
    read = read_file([{"prompt": SWIM, "a": "x", "b": "y"}, {"prompt": BAKE}], columns=columns)
    assert read.prompts == [SWIM, BAKE]
    assert read.pair_counts == {"read": 1, "kept": 0, "rejected": {"malformed": 1}}


@pytest.mark.parametrize(
    ("value", "chosen"),
    [(0, "x"), (1, "y"), (0.0, "x"), (True, "y"), (False, "x"), ("1", "y"), (2, None), ([1], None)],
)
def test_indices_from_json(value: Any, chosen: str | None, read_file: Callable[..., Any]) -> None:
    columns = {"responses": ["a", "b"], "chosen_index": "better"}
    read = read_file([{"prompt": SWIM, "a": "x", "b": "y", "better": value}], columns=columns)
    assert [pair[1] for pair in read.pairs] == ([chosen] if chosen else [])


def test_a_run_without_pairs_is_refused_before_it_starts(
    small: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "p.parquet"
    pl.DataFrame({"prompt": [SWIM], "chosen": ["  "], "rejected": ["No."]}).write_parquet(path)
    small["sources"]["prompts"] = {"path": str(path)}
    with pytest.raises(SourceError, match="no row with a prompt and two different responses"):
        require_pairs(parse_recipe(small, "test"))
