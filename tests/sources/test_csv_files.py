from collections.abc import Callable
from typing import Any

import pytest

from mlc_data.errors import RecipeError, SourceError

BAKE, SWIM, TREE = "How do I bake bread?", "How do I swim?", "How do I plant a tree?"


def test_quotes_are_letters_in_tsv(read_file: Callable[..., Any]) -> None:
    read = read_file(f'prompt\n"Bake it\n{SWIM}\nWho said: the end"\n{TREE}\n', "p.tsv")
    assert read.prompts == ['"Bake it', SWIM, 'Who said: the end"', TREE]


def test_a_quotation_at_the_start_of_a_tsv_cell(read_file: Callable[..., Any]) -> None:
    read = read_file(
        'prompt\tcategory\n"To be or not" is by whom?\tlit\n"Why?" he said\tlit\n', "p.tsv"
    )
    assert read.prompts == ['"To be or not" is by whom?', '"Why?" he said']
    assert read.column("prompts.parquet", "category") == ["lit", "lit"]


def test_a_tsv_cell_that_is_quoted_beyond_doubt(read_file: Callable[..., Any]) -> None:
    read = read_file('prompt\tcategory\n"Who said ""no""?"\tx\n"Why?"\tx\n', "p.tsv")
    assert read.prompts == ['Who said "no"?', '"Why?"']


def test_a_tsv_with_a_quoted_header_is_quoted(read_file: Callable[..., Any]) -> None:
    read = read_file(f'"prompt"\t"category"\n"{SWIM}\nOr not?"\t"x"\n', "p.tsv")
    assert read.prompts == [f"{SWIM}\nOr not?"]


def test_quotes_can_be_named_for_tsv(read_file: Callable[..., Any]) -> None:
    read = read_file(f'prompt\n"{SWIM}\nOr not?"\n', "p.tsv", quote='"')
    assert read.prompts == [f"{SWIM}\nOr not?"]


def test_another_quote_for_csv(read_file: Callable[..., Any]) -> None:
    read = read_file(f"prompt,category\n'{SWIM}, then?',x\n", "p.csv", quote="'")
    assert read.prompts == [f"{SWIM}, then?"]


def test_no_quotes_for_csv(read_file: Callable[..., Any]) -> None:
    read = read_file(f'prompt,category\n"{SWIM}",x\n"Why not,x\n', "p.csv", quote="none")
    assert read.prompts == [f'"{SWIM}"', '"Why not']


@pytest.mark.parametrize(
    ("delimiter", "given"), [(";", ";"), ("\t", "tab"), ("\t", "\\t"), ("|", "|")]
)
def test_delimiters(delimiter: str, given: str, read_file: Callable[..., Any]) -> None:
    text = f'category{delimiter}prompt\nx{delimiter}"{SWIM[:-1]}{delimiter} or not?"\n'
    assert read_file(text, "p.csv", delimiter=given).prompts == [f"{SWIM[:-1]}{delimiter} or not?"]


@pytest.mark.parametrize(
    ("text", "name", "told"),
    [
        (
            f"prompt;category\n{SWIM};a,b\n{BAKE};c,d\n",
            "p.csv",
            r"only if ';'.*sources\.prompts\.delimiter",
        ),
        (f"category\tprompt\nx\t{SWIM}\n", "p.csv", r"only if a tab.*sources\.prompts\.delimiter"),
        (f"category|prompt\nx|{SWIM}\n", "p.csv", r"only if '\|'"),
        (f"prompt,category\n{SWIM},x\n", "p.tsv", r"only if a comma"),
    ],
)
def test_a_wrong_delimiter_names_the_option(
    text: str, name: str, told: str, read_file: Callable[..., Any]
) -> None:
    with pytest.raises(SourceError, match=told):
        read_file(text, name)


@pytest.mark.parametrize("delimiter", ["", ";;", '"', "\n"])
def test_a_delimiter_is_one_character(delimiter: str, read_file: Callable[..., Any]) -> None:
    with pytest.raises(RecipeError, match=r"sources\.prompts\.delimiter"):
        read_file(f"prompt\n{SWIM}\n", "p.csv", delimiter=delimiter)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("name", ["p.csv", "p.jsonl", "p.json"])
def test_a_byte_order_mark_tells_the_encoding(
    encoding: str, name: str, read_file: Callable[..., Any]
) -> None:
    texts = {
        "p.csv": f"prompt,category\n{SWIM} Café 🙂,x\n",
        "p.jsonl": f'{{"prompt": "{SWIM} Café 🙂"}}\n',
        "p.json": f'[{{"prompt": "{SWIM} Café 🙂"}}]',
    }
    assert read_file(texts[name].encode(encoding), name).prompts == [f"{SWIM} Café 🙂"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "cp1252", "latin-1"])
def test_an_encoding_without_a_mark_is_named(encoding: str, read_file: Callable[..., Any]) -> None:
    text = f"prompt,category\n{SWIM} Café,x\n".encode(encoding)
    assert read_file(text, "p.csv", encoding=encoding).prompts == [f"{SWIM} Café"]


@pytest.mark.parametrize("name", ["p.csv", "p.tsv", "p.jsonl", "p.json"])
def test_utf_16_without_a_mark_names_the_option(name: str, read_file: Callable[..., Any]) -> None:
    with pytest.raises(SourceError, match=r"sources\.prompts\.encoding"):
        read_file(f"prompt\n{SWIM}\n".encode("utf-16-le"), name)


def test_a_wrong_encoding_names_the_option(read_file: Callable[..., Any]) -> None:
    with pytest.raises(SourceError, match=r"sources\.prompts\.encoding"):
        read_file(f"prompt\nCafé {SWIM}\nCafé {BAKE}\n".encode("latin-1"), "p.csv")


def test_an_unknown_encoding_is_refused(read_file: Callable[..., Any]) -> None:
    with pytest.raises(RecipeError, match=r"sources\.prompts\.encoding"):
        read_file(f"prompt\n{SWIM}\n", "p.csv", encoding="utf-seven")


def test_blanks_around_names_of_columns(read_file: Callable[..., Any]) -> None:
    read = read_file(f" prompt , category ,chosen\n{SWIM},sport,Yes.\n", "p.csv")
    assert read.column("prompts.parquet", "category") == ["sport"]
    assert read.column("prompts.parquet", "chosen") == ["Yes."]


def test_columns_without_a_name_are_no_columns(read_file: Callable[..., Any]) -> None:
    read = read_file(
        f",prompt,category,,\n0,{SWIM},sport,,\n1,{BAKE},food\n2,{TREE},x,,,,\n", "p.csv"
    )
    assert read.prompts == [SWIM, BAKE, TREE]


def test_a_field_beyond_the_header_costs_its_row(read_file: Callable[..., Any]) -> None:
    read = read_file(f"prompt\n{SWIM}\n{BAKE}\nHow, why\n", "p.csv")
    assert read.prompt_counts == {"read": 3, "kept": 2, "rejected": {"malformed": 1}}


def test_an_unneeded_column_may_be_named_twice(read_file: Callable[..., Any]) -> None:
    assert read_file(f"note,prompt,note\na,{SWIM},b\n", "p.csv").prompts == [SWIM]
    with pytest.raises(SourceError, match="names category more than once"):
        read_file(f"category,prompt,category\na,{SWIM},b\n", "q.csv")


def test_broken_bytes_in_an_unneeded_cell_cost_nothing(read_file: Callable[..., Any]) -> None:
    read = read_file(f"prompt,note\n{SWIM},\xff\n{BAKE},fine\n".encode("latin-1"), "p.csv")
    assert read.prompts == [SWIM, BAKE]


@pytest.mark.parametrize(
    ("value", "chosen"),
    [
        ("0", "yes"),
        ("1", "no"),
        ("0.0", "yes"),
        (" 1 ", "no"),
        ("true", "no"),
        ("False", "yes"),
        ("TRUE", "no"),
    ],
)
def test_an_index_from_text(value: str, chosen: str, read_file: Callable[..., Any]) -> None:
    read = read_file(
        f"prompt,response_0,response_1,safer\n{SWIM},yes,no,{value}\n", "p.csv",
        columns={"responses": ["response_0", "response_1"], "chosen_index": "safer"},
    )  # fmt: skip
    assert [pair[1] for pair in read.pairs] == [chosen]


@pytest.mark.parametrize("value", ["2", "-1", "", "maybe", "0.5", "nan"])
def test_no_index_costs_the_pair_alone(value: str, read_file: Callable[..., Any]) -> None:
    read = read_file(
        f"prompt,response_0,response_1,safer\n{SWIM},yes,no,{value}\n", "p.csv",
        columns={"responses": ["response_0", "response_1"], "chosen_index": "safer"},
    )  # fmt: skip
    assert read.prompts == [SWIM]
    assert read.pair_counts == {"read": 1, "kept": 0, "rejected": {"malformed": 1}}
