"""Files for people: safe in a spreadsheet, and read back as they were."""

from __future__ import annotations

import csv
from pathlib import Path

import polars as pl
import pytest

from mlc_data.errors import UsageError
from mlc_data.review.sheet import COLUMNS, FILLED_IN, read_sheet, write_sheet

TEXTS = [
    "=HYPERLINK(\"http://x\")", "+49 30 1234", "-5 degrees", "@name", "'tis", "''=1", "'=1", "\t=1",
    "＝1", "plain", "two\nlines", 'a "quoted", text', "; semicolons; here;", " =1", "\r\n=1", "你好",
]  # fmt: skip


def sample(texts: list[str]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "row": [f"{number:x}:swh_Latn" for number in range(len(texts))],
            "language": "swh_Latn",
            "prompt": texts,
            "variant": texts,
            "back_translation": [None, *texts[1:]],
            "verdict": "kept",
            "reason": [None] * len(texts),
        },
        schema_overrides={"reason": pl.String},
    )


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_texts_are_read_as_they_were(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"sheet.{suffix}"
    write_sheet(sample(TEXTS), path)
    read = read_sheet(path)
    assert read["variant"].to_list() == TEXTS
    assert read["back_translation"].to_list() == [None, *TEXTS[1:]]
    assert read["number"].to_list() == list(range(2, len(TEXTS) + 2))
    assert read.select(FILLED_IN).null_count().row(0) == (len(TEXTS),) * 3


def test_no_cell_of_a_csv_begins_a_formula(tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    write_sheet(sample(TEXTS), path)
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == list(COLUMNS)
    assert not [cell for row in rows for cell in row if cell[:1] in {*"=+-@\t\r\n", "＝"}]


def test_what_people_write_keeps_its_apostrophe(tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    path.write_text("row,judgement,note\na:b,bad,'tis wrong\nc:d,good,'=odd\n", encoding="utf-8")
    assert read_sheet(path)["note"].to_list() == ["'tis wrong", "=odd"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_other_delimiters_are_read(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "sheet.csv"
    write_sheet(sample(TEXTS), tmp_path / "written.csv")
    table = pl.read_csv(tmp_path / "written.csv", infer_schema=False)
    table.write_csv(path, separator=delimiter)
    assert read_sheet(path)["variant"].to_list() == TEXTS


def test_a_file_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    path.write_text("judged", encoding="utf-8")
    with pytest.raises(UsageError, match="exists already"):
        write_sheet(sample(TEXTS), path)
    assert path.read_text(encoding="utf-8") == "judged"


@pytest.mark.parametrize("name", ["sheet.xlsx", "no/folder/sheet.csv"])
def test_other_places_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match=r"is not one of \.csv, \.parquet|there is no folder"):
        write_sheet(sample(TEXTS), tmp_path / name)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"row,verdict\na,kept\n", "no column judgement; it has: row, verdict"),
        (b"", "cannot be read"),
        ("row,judgement\né,good".encode("cp1252"), "not UTF-8: save it as 'CSV UTF-8'"),
        (b'row,judgement\n"a,good\n', "cannot be read|no column"),
        (b"row,judgement\na,good,extra\n", "cannot be read"),
    ],
)
def test_unreadable_files_are_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "sheet.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=words):
        read_sheet(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        read_sheet(tmp_path / "none.csv")
