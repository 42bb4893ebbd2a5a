"""`mlc-data audit`, as a user types it, with the real language identifier."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from mlc_data.cli.main import app
from mlc_data.errors import UnknownLanguageError, UsageError

ROWS = """prompt\tsw\tde
How do I repair my old car at home?\tNinawezaje kutengeneza gari langu la zamani nyumbani?\t\
Wie repariere ich mein altes Auto zu Hause?
How can I bake a loaf of bread today?\tКак мне сегодня испечь буханку хлеба?\t\
How can I bake a loaf of bread today?
Where can I buy fresh vegetables?\t\tWo kann ich frisches Gemüse kaufen?
"""


@pytest.fixture
def wide(tmp_path: Path) -> Path:
    path = tmp_path / "wide.tsv"
    path.write_text(ROWS, encoding="utf-8")
    return path


def call(*arguments: object) -> str:
    words = ["audit", *(str(one) for one in arguments)]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.integration
def test_a_real_file_is_judged(wide: Path, tmp_path: Path) -> None:
    output = call(wide, "--out", tmp_path / "out", "--wide", "swh_Latn=sw,deu_Latn=de", "--quiet")
    assert "6 variants of 3 rows: 3 kept, 2 rejected, 1 failed" in output
    table = pl.read_parquet(tmp_path / "out" / "audit.parquet")
    reasons = {
        (row, code): found
        for row, code, found in table.select("row", "language", "reasons").iter_rows()
    }
    assert "script" in reasons[2, "swh_Latn"]
    assert reasons[2, "deu_Latn"] == ["language_id", "copied"]
    assert reasons[3, "swh_Latn"] == ["blank_variant"]


@pytest.mark.integration
def test_json_is_printed_alone(wide: Path, tmp_path: Path) -> None:
    output = json.loads(call(wide, "--out", tmp_path / "out", "--wide", "de=de", "--json"))
    assert output["read"] == output["kept"] + output["rejected"] + output["failed"] == 3
    assert output["by_language"]["deu_Latn"]["reasons"] == {"copied": 1, "language_id": 1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--column", "variant"], "--column takes NAME=THEIRS"),
        (["--column", "text=sw"], "no such column; prompt, language, variant, back_translation"),
        (["--wide", "swh_Latn"], "--wide takes CODE=COLUMN"),
        (["--wide", "swh_Latn=sw", "--language", "swh_Latn"], "name one"),
        (["--wide", "swh_Latn=sw,sw=de"], "the language swh_Latn more than once"),
        (["--wide", "swh_Latn=sw,deu_Latn=sw"], "the column sw more than once"),
        (["--wide", "swh_Latn=zz"], "no column 'zz' for swh_Latn"),
        (["--wide", "swh_Latn=sw", "--column", "variant=de"], "is not read with --wide"),
        (["--language", "deu_Latn", "--column", "language=x"], "is not read with --language"),
        (["--language", "deu_Latn"], "no column 'variant'.*--column variant=COLUMN"),
    ],
)
def test_wrong_options_are_reported(
    wide: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        call(wide, "--out", tmp_path / "out", *options)
    assert not (tmp_path / "out").exists()


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^FILE: nowhere\.csv does not exist"):
        call("nowhere.csv", "--out", tmp_path / "out")


def test_an_ambiguous_language_is_reported(wide: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownLanguageError, match="'zh' is ambiguous"):
        call(wide, "--out", tmp_path / "out", "--wide", "zh=sw")


def test_a_comma_may_be_part_of_a_columns_name(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('prompt,"a, b",c\nHi there,Hujambo,Hallo\n', encoding="utf-8")
    options = ("--wide", "swh_Latn=a, b,deu_Latn=c", "--set", "checks.language_identifiers=[]")
    output = json.loads(call(path, "--out", tmp_path / "out", *options, "--json"))
    assert list(output["by_language"]) == ["swh_Latn", "deu_Latn"]
