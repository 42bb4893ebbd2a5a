"""A changed prompt is told from one removed and one added: by the source's ids, or by its place."""

import polars as pl
import pytest

from mlc_data.core.records import PROMPTS
from mlc_data.refresh.prompts import compare_prompts
from mlc_data.refresh.record import PROMPT_CHANGES


def prompts(*rows: str | tuple[str, str | None]) -> pl.DataFrame:
    """Prompts whose id is their text, perhaps with an id of the source."""
    named = [row if isinstance(row, tuple) else (row, None) for row in rows]
    return pl.DataFrame(
        [
            {"prompt_id": text, "prompt": text, "row": number, "source_id": uid}
            for number, (text, uid) in enumerate(named, start=1)
        ],
        schema=PROMPTS,
    )


def test_without_a_state_before_all_is_new() -> None:
    found = compare_prompts(None, prompts("a", "b"))
    assert found.table.schema == pl.Schema(PROMPT_CHANGES)
    assert found.table["change"].to_list() == ["added", "added"]
    assert (found.figures.before, found.figures.after, found.figures.added) == (0, 2, 2)


@pytest.mark.parametrize(
    ("before", "after", "replaced"),
    [
        ("abcd", "aBcd", {"b": "B"}),
        ("abcd", "Abcd", {"a": "A"}),
        ("abcd", "abcD", {"d": "D"}),
        ("abcd", "aBCd", {"b": "B", "c": "C"}),
        ("abcd", "acd", {}),
        ("abcd", "abXcd", {}),
        ("abcd", "aXYd", {"b": "X", "c": "Y"}),
        ("abcd", "aXd", {}),  # which of the two became X cannot be told
        ("abcd", "acdX", {}),
        ("abcd", "dcba", {}),
        ("abcd", "WXYZ", {"a": "W", "b": "X", "c": "Y", "d": "Z"}),
    ],
)
def test_by_place(before: str, after: str, replaced: dict[str, str]) -> None:
    found = compare_prompts(prompts(*before), prompts(*after))
    assert found.figures.told_by == "place"
    assert found.replaced == replaced
    figures = found.figures
    assert figures.changed == len(replaced)
    assert figures.removed == len(set(before) - set(after) - replaced.keys())
    assert figures.added == len(set(after) - set(before) - set(replaced.values()))
    assert figures.before - figures.removed + figures.added == figures.after


def test_ids_are_believed_wherever_the_rows_stand() -> None:
    before = prompts(("a", "1"), ("b", "2"), ("c", "3"))
    after = prompts(("x", "9"), ("C", "3"), ("a", "1"))
    found = compare_prompts(before, after)
    assert found.figures.told_by == "id"
    assert found.replaced == {"c": "C"}
    assert found.table.select("change", "prompt_id_before", "prompt_id").rows() == [
        ("added", None, "x"), ("changed", "c", "C"), ("removed", "b", None),
    ]  # fmt: skip


def test_an_id_of_two_rows_names_neither() -> None:
    before = prompts(("a", "1"), ("b", "1"), ("c", "2"))
    found = compare_prompts(before, prompts(("A", "1"), ("c", "2")))
    assert found.replaced == {}
    assert (found.figures.removed, found.figures.added) == (2, 1)


def test_the_same_id_with_another_text_or_category() -> None:
    before = prompts("a", "b", "c")
    after = before.with_columns(
        prompt=pl.col("prompt").replace("a", "A"),
        category=pl.when(pl.col("prompt_id") == "b").then(pl.lit("theft")),
    )
    found = compare_prompts(before, after)
    assert found.replaced == {}
    assert found.table.select("change", "prompt_id").rows() == [("changed", "a"), ("edited", "b")]
