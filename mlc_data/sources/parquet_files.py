"""Rows of Parquet files. Columns that are not wanted are not decoded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow.parquet import ParquetFile

from mlc_data.core.messages import shortened_middle
from mlc_data.errors import SourceError
from mlc_data.sources.rows import RawRow, Wanted

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
        reason = shortened_middle(str(error), _MESSAGE)
        raise SourceError(f"{path} cannot be read as Parquet: {reason}") from error


def read_parquet_rows(path: Path, wanted: Wanted | None) -> Iterator[RawRow]:
    """Yield every row, with the wanted columns alone (None: with all).

    Raises:
        SourceError: the file, or a wanted column, cannot be read.
    """
    names = parquet_columns(path)
    chosen = list(names) if wanted is None else wanted.among(names)
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
        reason = shortened_middle(str(error), _MESSAGE)
        raise SourceError(f"{path} cannot be read as Parquet: {reason}") from error


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
