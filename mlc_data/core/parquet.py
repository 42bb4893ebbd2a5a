"""Parquet tables with a checked schema, written at once or part by part (one file, or files of a split)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

import polars as pl
from pyarrow import Table
from pyarrow.parquet import ParquetFile, ParquetWriter

from mlc_data.core.records import ADDED
from mlc_data.errors import MlcDataError


def read_table(path: Path, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return a Parquet file, or all files of a folder, checked against the schema.

    Columns that earlier versions did not write are empty where they are missing.

    Raises:
        MlcDataError: columns differ from the schema.
    """
    return with_schema(with_added(read_parquet(path), schema), schema, str(path))


def read_parts(
    path: Path, schema: Mapping[str, pl.DataType], number: int
) -> Iterator[pl.DataFrame]:
    """Yield the columns of the schema from what `read_table` reads, in order, at most so many rows at a time.

    Raises:
        MlcDataError: a column is missing or has another type.
    """
    for file in _files(path):
        with ParquetFile(file) as table:
            there = [name for name in schema if name in table.schema_arrow.names]
            for batch in table.iter_batches(number, columns=there, use_threads=False):
                part = with_added(pl.DataFrame(Table.from_batches([batch])), schema)
                yield with_schema(part, schema, str(path)).select(list(schema))


def with_added(frame: pl.DataFrame, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return a table with `records.ADDED` columns of its schema, empty where it lacks them."""
    missing = [name for name in ADDED if name in schema and name not in frame.columns]
    added = (pl.lit([], dtype=schema[name]).alias(name) for name in missing)
    return frame.with_columns(*added)


def read_parquet(
    path: Path, columns: list[str] | None = None, *, n_rows: int | None = None
) -> pl.DataFrame:
    """Return a Parquet file, or all the files of a folder in order of their names, whatever its columns.

    Raises:
        FileNotFoundError: there is no such file, or the folder holds none.
    """
    return pl.read_parquet(_files(path), columns=columns, n_rows=n_rows, glob=False)


def scan_parquet(path: Path) -> pl.LazyFrame:
    """Return what `read_parquet` reads, lazily.

    Raises:
        FileNotFoundError: there is no such file, or the folder holds none.
    """
    return pl.scan_parquet(_files(path), glob=False)


def _files(path: Path) -> list[Path]:
    # A path is a name: polars would take `run[1]` for a pattern that stands for `run1`.
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise FileNotFoundError(f"{path} holds no Parquet file")
    return files


def write_table(frame: pl.DataFrame, path: Path, schema: Mapping[str, pl.DataType]) -> None:
    """Write Parquet (zstd) with exactly the schema's columns."""
    with_schema(frame, schema, str(path)).write_parquet(path, compression="zstd")


def with_schema(frame: pl.DataFrame, schema: Mapping[str, pl.DataType], where: str) -> pl.DataFrame:
    """Return the frame, if it has exactly the schema.

    Raises:
        MlcDataError: its columns differ; names them.
    """
    if dict(frame.schema) != dict(schema):
        present, wanted = set(frame.schema.items()), set(schema.items())
        raise MlcDataError(
            f"{where}: unexpected columns: {sorted(map(str, present - wanted))}; "
            f"missing: {sorted(map(str, wanted - present))}"
        )
    return frame


class TableWriter:
    """A Parquet file (zstd) written part by part, so that a long table is never in memory as a whole.

    Use it in a ``with`` statement; the file is complete when that ends.
    """

    GROUP = 20_000
    """Rows of a row group, at least: a file of millions of rows is slow to open if it has a group for each part."""

    def __init__(self, path: Path, schema: Mapping[str, pl.DataType]) -> None:
        self._path, self._schema = path, schema
        self._held = [pl.DataFrame(schema=schema)]
        arrow = self._held[0].to_arrow().schema
        # The level that polars takes.
        self._writer = ParquetWriter(path, arrow, compression="zstd", compression_level=3)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Write the remaining rows and the file's footer."""
        try:
            self._flush()
        finally:
            self._writer.close()

    def write(self, frame: pl.DataFrame) -> None:
        """Append rows.

        Raises:
            MlcDataError: the columns differ from the schema.
        """
        self._held.append(with_schema(frame, self._schema, str(self._path)))
        if sum(part.height for part in self._held) >= self.GROUP:
            self._flush()

    def _flush(self) -> None:
        table = pl.concat(self._held).to_arrow()
        self._held = self._held[:1]
        if table.num_rows:
            self._writer.write_table(table)


class SplitFiles:
    """Files of at most ``limit`` rows each, named as `datasets` and the Hub name them once all is written.

    Use it in a ``with`` statement. ``rows`` counts what was written.
    """

    def __init__(
        self,
        folder: Path,
        split: str,
        limit: int,
        schema: Mapping[str, pl.DataType],
        *,
        keep_empty: bool = False,
    ) -> None:
        """Prepare the files; a split without rows leaves no file, or an empty one with ``keep_empty``."""
        self._folder, self._split, self._limit, self._schema = folder, split, limit, schema
        self._keep_empty = keep_empty
        self._files: list[Path] = []
        self._writer: TableWriter | None = None
        self._left = 0
        self.rows = 0

    def __enter__(self) -> Self:
        self._next()
        return self

    def _next(self) -> None:
        self._close()
        self._files.append(self._folder / f"{self._split}-{len(self._files):05d}.part")
        self._writer = TableWriter(self._files[-1], self._schema)
        self._left = self._limit

    def write(self, frame: pl.DataFrame) -> None:
        """Append rows."""
        while frame.height:
            if not self._left:
                self._next()
            assert self._writer is not None
            part, frame = frame[: self._left], frame[self._left :]
            self._writer.write(part)
            self._left -= part.height
            self.rows += part.height

    def _close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def __exit__(self, *failed: object) -> None:
        self._close()
        if failed[0] is None:
            if not self.rows and not self._keep_empty:
                self._files.pop().unlink()
            for number, file in enumerate(self._files):
                name = f"{self._split}-{number:05d}-of-{len(self._files):05d}.parquet"
                file.rename(file.with_name(name))
