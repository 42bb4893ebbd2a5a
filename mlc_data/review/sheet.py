"""Files that people fill in: CSV for spreadsheets, or Parquet."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl

from mlc_data.core.files import atomic_file
from mlc_data.core.parquet import read_parquet
from mlc_data.core.spreadsheets import neutral, restored
from mlc_data.errors import UsageError

FILLED_IN = ("judgement", "reviewer", "note")
"""Columns that are empty when the file is written."""

COLUMNS = (
    "row", "language", "prompt", "variant", "back_translation", "verdict", "reason", *FILLED_IN
)  # fmt: skip
NEEDED = ("row", "judgement")

_SUFFIXES = (".csv", ".parquet")
_DELIMITERS = ",;\t"


def check_suffix(path: Path, option: str) -> None:
    """Refuse a file's name that is neither CSV nor Parquet.

    Raises:
        UsageError: it is another one.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise UsageError(f"{option}: {path} is not one of {', '.join(_SUFFIXES)}")


def write_sheet(sample: pl.DataFrame, path: Path) -> None:
    """Write a sample (`sample.SAMPLE`) with empty columns `FILLED_IN`.

    In CSV (UTF-8 with a byte order mark, which spreadsheets need), a cell that would be taken for a formula
    begins with an apostrophe, and so does one that began with an apostrophe already.

    Raises:
        UsageError: the file exists, or cannot be written.
    """
    check_suffix(path, "--out")
    if path.exists():
        # It may have been filled in.
        raise UsageError(f"--out: {path} exists already: name another file, or move it away")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"--out: there is no folder {path.absolute().parent}")
    empty = [pl.lit(None, pl.String).alias(name) for name in FILLED_IN]
    sheet = sample.with_columns(empty).select(COLUMNS)
    with atomic_file(path) as temporary:
        if path.suffix.lower() == ".parquet":
            sheet.write_parquet(temporary)
        else:
            sheet.select(neutral(name) for name in COLUMNS).write_csv(temporary, include_bom=True)


def read_sheet(path: Path) -> pl.DataFrame:
    """Return a file that was filled in: `COLUMNS` as text, null where empty, and ``number``.

    ``number`` is that of a spreadsheet, where the header is row 1. Columns beyond `NEEDED` may be missing,
    and others are left out. CSV may be delimited by commas, semicolons or tabs.

    Raises:
        UsageError: it cannot be read, or lacks a column.
    """
    check_suffix(path, "--import")
    if not path.is_file():
        raise UsageError(f"--import: there is no file {path}")
    is_csv = path.suffix.lower() == ".csv"
    try:
        table = _read_csv(path) if is_csv else read_parquet(path)
    except UnicodeDecodeError as error:
        raise UsageError(f"--import: {path} is not UTF-8: save it as 'CSV UTF-8'") from error
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UsageError(f"--import: {path} cannot be read: {error}") from error
    if missing := [name for name in NEEDED if name not in table.columns]:
        raise UsageError(
            f"--import: {path} has no column {' and no column '.join(missing)}; it has: "
            f"{', '.join(table.columns) or 'none'}. Wanted: {', '.join(COLUMNS)}"
        )
    absent = [pl.lit(None, pl.String).alias(name) for name in COLUMNS if name not in table.columns]
    texts = table.with_columns(absent).select(pl.col(COLUMNS).cast(pl.String))
    given = (
        texts.select(restored(name, written_by_people=name in FILLED_IN) for name in COLUMNS)
        if is_csv
        else texts
    )
    empty = [pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in COLUMNS]
    return given.with_columns(empty).with_row_index("number", offset=2)


def _read_csv(path: Path) -> pl.DataFrame:
    text = path.read_bytes().decode("utf-8-sig")
    header = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=header.count)
    return pl.read_csv(
        io.BytesIO(text.encode()), separator=delimiter, infer_schema=False, glob=False
    )
