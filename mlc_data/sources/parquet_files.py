"""Rows of Parquet files. Columns that are not wanted are not decoded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow.parquet import ParquetFile

from mlc_data.core.messages import shortened_middle, shown
from mlc_data.errors import SourceError
from mlc_data.sources.rows import RawRow, Wanted
from mlc_data.sources.text_files import LFS_POINTER, OTHERS

_ROWS_AT_ONCE = 2000
_MESSAGE = 500
"""Characters of the library's message that are repeated."""
_BROKEN = (
    pa.ArrowException, OSError, ValueError, TypeError, LookupError, ArithmeticError, NotImplementedError,
)  # fmt: skip
"""Errors of pyarrow about a broken file: names that are not UTF-8 come as errors of Python itself."""


def parquet_columns(path: Path) -> tuple[str, ...]:
    """Return the names of all columns.

    Raises:
        SourceError: it is not a Parquet file.
    """
    try:
        with path.open("rb") as handle:
            return tuple(ParquetFile(handle).schema_arrow.names)
    except _BROKEN as error:
        raise SourceError(f"{path} {_why_not(path, error)}") from error


def _why_not(path: Path, error: Exception) -> str:
    """Return why a file cannot be read."""
    if path.is_file():
        with path.open("rb") as handle:
            if handle.read(len(LFS_POINTER)) == LFS_POINTER:
                return f"is no Parquet but {OTHERS[LFS_POINTER]}"
    return f"cannot be read as Parquet: {shortened_middle(str(error), _MESSAGE)}"


def read_parquet_rows(path: Path, wanted: Wanted | None) -> Iterator[RawRow]:
    """Yield every row, with the wanted columns alone (None: with all).

    Raises:
        SourceError: the file, or a wanted column, cannot be read.
    """
    names = parquet_columns(path)
    chosen = list(names) if wanted is None else wanted.among(names)
    if twice := sorted({name for name in chosen if names.count(name) > 1}):
        raise SourceError(f"{path} has {', '.join(map(shown, twice))} more than once")
    try:
        with path.open("rb") as handle:
            file = ParquetFile(handle)
            number = 0
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=chosen):
                columns = [_values(batch, name, path) for name in chosen]
                for values in zip(*columns, strict=True) if columns else [()] * batch.num_rows:
                    number += 1
                    yield RawRow(number, f"row {number}", dict(zip(chosen, values, strict=True)))
    except _BROKEN as error:
        raise SourceError(f"{path} {_why_not(path, error)}") from error


def _values(batch: pa.RecordBatch, name: str, path: Path) -> list[Any]:
    column = batch.column(batch.schema.get_field_index(name))
    try:
        values: list[Any] = column.to_pylist()
    # Dates and zones that Python does not have; Arrow writes them out all the same.
    except (ValueError, OverflowError, KeyError, pa.ArrowException):
        try:
            values = column.cast(pa.string()).to_pylist()
        except pa.ArrowException as error:
            raise SourceError(f"{path}: the column {name!r} cannot be read: {error}") from error
    return values
