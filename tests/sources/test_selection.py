from collections.abc import Callable
from typing import Any

import pytest

from mlc_data.errors import RecipeError, SourceError

SWIM, BAKE, TREE = "How do I swim?", "How do I bake bread?", "How do I plant a tree?"


def rows(*values: Any) -> list[dict[str, Any]]:
    return [
        {"prompt": text, "label": value}
        for text, value in zip((SWIM, BAKE, TREE), values, strict=True)
    ]


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (("harmful", "harmless", None), "harmful"),
        ((" harmful ", "Harmful", "harm"), "harmful"),
        ((1, 0, None), 1),
        ((1.0, "one", True), 1),
        (("1", "1x", "10"), 1),
        ((True, False, None), True),
        (("True", "false", "x"), True),
        (("yes", "no", ""), True),
        ((False, True, None), False),
        ((None, "x", 0), None),
        (("", "x", "y"), None),
        (("en", "fr", "de"), ["en", "eng"]),
        ((["a", "b"], ["c"], []), "b"),
        ((5, 6, "x"), [5, 7]),
        (("05", "5", 5), "05"),
    ],
)
def test_rows_are_selected_by_value(
    values: Any, wanted: Any, read_file: Callable[..., Any]
) -> None:
    read = read_file(rows(*values), where={"label": wanted})
    assert read.prompts == [SWIM]
    assert read.prompt_counts["rejected"] == {"not_selected": 2}


def test_all_columns_must_fit(read_file: Callable[..., Any]) -> None:
    table = f"prompt,label,lang\n{SWIM},harmful,en\n{BAKE},harmful,fr\n{TREE},x,en\n"
    read = read_file(table, "p.csv", where={"label": "harmful", "lang": "en"})
    assert read.prompts == [SWIM]


def test_a_field_within_another(read_file: Callable[..., Any]) -> None:
    table = rows({"violence": True}, {"violence": False}, None)
    assert read_file(table, where={"label.violence": True}).prompts == [SWIM]


def test_pairs_of_rows_that_are_not_selected_are_not_used(read_file: Callable[..., Any]) -> None:
    pair = {"chosen": "Yes.", "rejected": "No."}
    table = [{**row, **pair} for row in rows("a", "b", "a")]
    read = read_file(table, where={"label": "a"})
    assert [one[0] for one in read.pairs] == [SWIM, TREE]
    assert read.column("rejected/prompts.parquet", "detail") == ["line 2: label: 'b'"]


def test_a_column_that_is_not_there_is_named(read_file: Callable[..., Any]) -> None:
    with pytest.raises(
        SourceError, match=r"no column 'harm' .*sources\.prompts\.where.*label, prompt"
    ):
        read_file(rows(1, 2, 3), where={"harm": 1})


def test_a_value_that_no_row_has_is_an_error(read_file: Callable[..., Any]) -> None:
    with pytest.raises(
        SourceError, match=r"selects none of 3 rows; they have label: 'a'; label: 'b'"
    ):
        read_file(rows("a", "b", "a"), where={"label": "c"})


def test_a_selection_needs_a_column(read_file: Callable[..., Any]) -> None:
    with pytest.raises(RecipeError, match=r"sources\.prompts\.where"):
        read_file(rows(1, 2, 3), where={})
