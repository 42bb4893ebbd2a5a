import json
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
    ("text", "name"),
    [
        (f"prompt;category\n{SWIM};a,b\n{BAKE};c,d\n", "p.csv"),
        (f"category\tprompt\na,b\t{SWIM}\nc,d\t{BAKE}\n", "p.csv"),
        (f"category|prompt\na,b|{SWIM}\nc,d|{BAKE}\n", "p.csv"),
        (f'prompt,category\n{SWIM},"a,b"\n{BAKE},"c,d"\n', "p.tsv"),
        (f'sep=;\n"prompt";category\n{SWIM};a,b\n{BAKE};c,d\n', "p.csv"),
        (f"\ufeffsep=\t\r\nprompt\tcategory\r\n{SWIM}\ta,b\r\n{BAKE}\tc,d\r\n", "p.csv"),
        (f'"sep=;"\nprompt;category\n{SWIM};a,b\n{BAKE};c,d\n', "p.csv"),
        (f"\n\nprompt;category\n{SWIM};a,b\n{BAKE};c,d\n", "p.csv"),
    ],
)
def test_the_delimiter_is_what_gives_the_wanted_columns(
    text: str, name: str, read_file: Callable[..., Any]
) -> None:
    read = read_file(text, name)
    assert read.prompts == [SWIM, BAKE]
    assert read.column("prompts.parquet", "category") == ["a,b", "c,d"]


def test_places_are_lines_of_the_file_after_excel_s_line(read_file: Callable[..., Any]) -> None:
    read = read_file(f"sep=;\nprompt;note\n{SWIM};x\n;y\n", "p.csv")
    assert read.column("rejected/prompts.parquet", "detail")[0].startswith("line 4")


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_names_of_columns_are_listed_apart_where_none_is_wanted(
    delimiter: str, read_file: Callable[..., Any]
) -> None:
    header = delimiter.join(["Prompt", "Category", "Notes"])
    row = delimiter.join([SWIM, "a", "b"])
    with pytest.raises(
        SourceError, match=r"it has: Category, Notes, Prompt\. .*columns\.prompt=Prompt"
    ):
        read_file(f"\ufeff{header}\n{row}\n", "p.csv")


def test_a_named_delimiter_wins(read_file: Callable[..., Any]) -> None:
    with pytest.raises(SourceError, match="no column 'prompt'; it has: prompt;category"):
        read_file(f"prompt;category\n{SWIM};a\n", "p.csv", delimiter=",")


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


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("name", ["p.csv", "p.tsv", "p.jsonl", "p.json"])
def test_an_encoding_is_detected_and_said(
    name: str, encoding: str, read_file: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    rows = [f"{SWIM} Café", f"{BAKE} “Now” – déjà vu"]
    text = "\n".join(json.dumps({"prompt": row}, ensure_ascii=False) for row in rows)
    if name.endswith("sv"):
        text = "\n".join(("prompt", *rows))
    assert read_file(text.encode(encoding), name).prompts == rows
    assert any(f"looks like {encoding}" in message for message in caplog.messages)


@pytest.mark.parametrize(
    "text",
    [
        "What is “café”?",
        "What is 5 €?",
        "Say Müßiggang!",
        "Is a naïve “été” – or «là» – fine in an English text?",
    ],
)
def test_letters_beside_quotes_are_cp1252_in_a_file_of_one_row(
    text: str, read_file: Callable[..., Any]
) -> None:
    assert read_file(f"prompt;category\n{text};x\n".encode("cp1252"), "p.csv").prompts == [text]


@pytest.mark.parametrize("encoding", ["cp1251", "gb18030", "shift_jis", "euc_kr", "mac_roman"])
def test_other_encodings_are_not_taken_for_cp1252(
    encoding: str, read_file: Callable[..., Any]
) -> None:
    text = {
        "cp1251": "What does “привет” mean?",
        "gb18030": "What does “你好” mean?",
        "shift_jis": "What does 「こんにちは」 mean?",
        "euc_kr": "What does “안녕” mean?",
        "mac_roman": "What does “café” mean?",
    }[encoding]
    with pytest.raises(SourceError, match="name its encoding"):
        read_file(f"prompt\n{text}\n".encode(encoding), "p.csv")


@pytest.mark.parametrize("broken", [b"caf\xe2\x80 now", b"\xff", b"\x81", b"\xc3"])
def test_broken_bytes_of_a_utf_8_file_cost_their_row_alone(
    broken: bytes, read_file: Callable[..., Any]
) -> None:
    rows = [f"prompt\n{SWIM} Café 🙂".encode(), b"What is " + broken + b"?", BAKE.encode()]
    read = read_file(b"\n".join(rows), "p.csv")
    assert read.prompt_counts == {"read": 3, "kept": 2, "rejected": {"not_unicode": 1}}


@pytest.mark.parametrize("encoding", ["cp1251", "gb18030", "koi8-r"])
def test_other_encodings_have_to_be_named(encoding: str, read_file: Callable[..., Any]) -> None:
    text = f"prompt\n{SWIM} Как мне научиться плавать\nКак мне научиться плавать\n"
    with pytest.raises(SourceError, match=r"sources\.prompts\.encoding"):
        read_file(text.encode(encoding), "p.csv")


def test_letters_of_mac_os_are_not_taken_for_others(read_file: Callable[..., Any]) -> None:
    for word in ("café", "don’t"):
        read = read_file(f"prompt\n{SWIM}\n{BAKE}\nWhy {word}?\n".encode("mac_roman"), "p.csv")
        assert read.prompt_counts["rejected"] == {"not_unicode": 1}
        assert read_file(
            f"prompt\nWhy {word}?\n".encode("mac_roman"), "q.csv", encoding="mac_roman"
        ).prompts == [f"Why {word}?"]


def test_a_file_full_of_nuls_names_the_option(read_file: Callable[..., Any]) -> None:
    with pytest.raises(SourceError, match=r"NUL bytes.*sources\.prompts\.encoding"):
        read_file(f"prompt\n{SWIM}\n".encode("utf-32-le"), "p.csv")


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
