"""Files of translations: every layout, and rows that cannot be used."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mlc_data.errors import SourceError
from mlc_data.recipe.imported import Import
from mlc_data.sources.variants import VariantFile, checkable, read_variants

BREAD = "How can I bake bread?"
MKATE = "Ninawezaje kuoka mkate?"
BROT = "Wie kann ich Brot backen?"
LONG = [
    {"prompt": BREAD, "language": "swh_Latn", "variant": MKATE},
    {"prompt": BREAD, "language": "deu_Latn", "variant": BROT},
]


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Write rows in the format that the file's name says."""
    if path.suffix == ".parquet":
        pl.DataFrame(rows).write_parquet(path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    else:
        delimiter = "\t" if path.suffix == ".tsv" else ","
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
            writer.writeheader()
            writer.writerows(rows)
    return path


def read(path: Path, **settings: Any) -> VariantFile:
    return read_variants(Import(path=str(path), **settings), "eng_Latn", "FILE")


def failures(file: VariantFile) -> list[tuple[int, str | None, str | None]]:
    rows = file.rows.filter(pl.col("failure").is_not_null())
    return list(rows.select("row", "language", "failure").iter_rows())


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_every_format_is_read(tmp_path: Path, suffix: str) -> None:
    file = read(write(tmp_path / f"long.{suffix}", LONG))
    assert file.languages == ("swh_Latn", "deu_Latn")
    assert file.rows.select("row", "language", "source", "text").rows() == [
        (1, "swh_Latn", BREAD, MKATE),
        (2, "deu_Latn", BREAD, BROT),
    ]


def test_columns_may_have_other_names(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.csv", [{"en": BREAD, "lang": "swh_Latn", "sw": MKATE, "bt": "Bake?"}]
    )
    columns = {"prompt": "en", "language": "lang", "variant": "sw", "back_translation": "bt"}
    [row] = read(path, columns=columns).rows.to_dicts()
    assert (row["source"], row["text"], row["back_translation"]) == (BREAD, MKATE, "Bake?")


def test_a_file_of_one_language_needs_no_column(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [{"prompt": BREAD, "variant": MKATE}])
    assert read(path, language="swh_Latn").rows["language"].to_list() == ["swh_Latn"]


def test_a_wide_file_has_a_row_for_each_language(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", [{"prompt": BREAD, "sw": MKATE, "de": BROT}] * 2)
    file = read(path, wide={"swh_Latn": "sw", "deu_Latn": "de"})
    assert (file.read, file.rows.height, file.languages) == (2, 4, ("swh_Latn", "deu_Latn"))
    assert file.rows["row"].to_list() == [1, 1, 2, 2]


def test_names_and_tags_of_languages_are_understood(tmp_path: Path) -> None:
    rows = [{**LONG[0], "language": name} for name in ("sw", "Swahili", " swh_Latn ")]
    assert read(write(tmp_path / "a.jsonl", rows)).languages == ("swh_Latn",)


def test_blank_cells_are_failures(tmp_path: Path) -> None:
    rows = [LONG[0], *({**LONG[0], name: " "} for name in ("prompt", "language", "variant"))]
    assert failures(read(write(tmp_path / "a.csv", rows))) == [
        (2, "swh_Latn", "blank_prompt"),
        (3, None, "blank_language"),
        (4, "swh_Latn", "blank_variant"),
    ]


def test_a_cell_that_a_table_writes_as_nan_is_blank(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [{**LONG[0], "variant": float("nan")}])
    assert failures(read(path)) == [(1, "swh_Latn", "blank_variant")]


def test_a_blank_back_translation_is_none(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [{**LONG[0], "back_translation": "  "}])
    assert read(path).rows["back_translation"].to_list() == [None]


def test_cells_that_are_no_text_are_failures(tmp_path: Path) -> None:
    values = [5, ["a"], "a\0b", "\ud800"]
    path = write(tmp_path / "a.jsonl", [{**LONG[0], "variant": value} for value in values])
    reasons = [reason for _, _, reason in failures(read(path))]
    assert reasons == ["not_a_string", "not_a_string", "nul_bytes", "not_unicode"]


def test_lines_that_cannot_be_read_are_failures(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [*LONG, *LONG])
    path.write_text(path.read_text(encoding="utf-8") + "{\n[1]\n\n", encoding="utf-8")
    assert failures(read(path)) == [
        (5, None, "malformed"),
        (6, None, "not_an_object"),
        (7, None, "empty"),
    ]


def test_an_unreadable_row_of_a_wide_file_fails_in_every_language(tmp_path: Path) -> None:
    rows = [{"prompt": BREAD, "sw": MKATE, "de": BROT}] * 2
    path = write(tmp_path / "a.jsonl", rows)
    path.write_text(path.read_text(encoding="utf-8") + "{\n", encoding="utf-8")
    file = read(path, wide={"swh_Latn": "sw", "deu_Latn": "de"})
    assert failures(file) == [(3, "swh_Latn", "malformed"), (3, "deu_Latn", "malformed")]


def test_a_row_in_the_prompts_language_is_no_translation(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", [*LONG, {**LONG[0], "language": "en"}])
    file = read(path)
    assert failures(file) == [(3, "eng_Latn", "source_language")]
    assert file.languages == ("swh_Latn", "deu_Latn")


def test_prompts_are_composed_as_those_of_sources(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [{**LONG[0], "prompt": "a cafe\u0301"}])
    assert read(path).rows["source"].to_list() == ["a caf\u00e9"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"columns": {"variant": "x"}}, r"no column 'x'; it has: .*FILE\.columns\.variant"),
        ({"columns": {"language": "x"}}, "no column 'x'.*or the language of all rows"),
        ({"columns": {"back_translation": "x"}}, "no column 'x'"),
        ({"columns": {"id": "x"}}, "no column 'x'"),
        ({"wide": {"swh_Latn": "x"}}, "no column 'x' for swh_Latn"),
        ({"wide": {"eng_Latn": "variant"}}, "eng_Latn is the language of the prompts"),
        ({"language": "eng_Latn"}, "eng_Latn is the language of the prompts"),
    ],
)
def test_a_layout_that_does_not_fit_is_refused(
    tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(SourceError, match=message):
        read(write(tmp_path / "a.csv", LONG), **settings)


@pytest.mark.parametrize(
    ("label", "message"),
    [("zh", "line 3, 'language': 'zh' is ambiguous: zho_Hans"), ("qqq", "not a FLORES-200 code")],
)
def test_a_language_that_is_not_clear_is_refused(tmp_path: Path, label: str, message: str) -> None:
    path = write(tmp_path / "a.csv", [LONG[0], {**LONG[1], "language": label}])
    with pytest.raises(SourceError, match=message):
        read(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "empty"),
        ("a.csv", b"prompt,language,variant\n", "no rows"),
        ("a.jsonl", b"{\n{\n", r"line 1: not JSON.*2 of 2 rows"),
        ("a.parquet", b"nothing", "cannot be read as Parquet"),
        ("a.docx", b"", "are read: "),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=message):
        read(tmp_path / name)


def test_checks_read_a_variant_as_one_sentence(tmp_path: Path) -> None:
    rows = checkable(read(write(tmp_path / "a.csv", LONG)).rows)
    [segment] = rows["segments"][0]
    assert (segment["source"], segment["text"], segment["unknown_share"]) == (BREAD, MKATE, 0)
