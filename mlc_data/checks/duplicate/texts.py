"""Texts of all variants in one file, by row: a few can be read without the others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlc_data.checks.duplicate.sorted_keys import Column
from mlc_data.core.files import read_ranges

COLUMNS = ("language", "source", "text", "back_translation")
SCHEMA: dict[str, pl.DataType] = dict.fromkeys(COLUMNS, pl.String())

_FILE, _STARTS = "texts.jsonl", "starts"
_END = ord("\n")


@dataclass(frozen=True)
class Texts:
    """`COLUMNS` of variants in a folder: a line of JSON each, and where each line begins. Only what is asked for is
    read, and nothing is kept in memory."""

    folder: Path

    @classmethod
    def write(cls, parts: Iterable[pl.DataFrame], folder: Path) -> Texts:
        """Write the texts of all variants, in order; creates the folder."""
        made = cls(folder)
        with TextsWriter(folder) as writer:
            for part in parts:
                writer.write(part)
        return made

    def rows(self, wanted: NDArray[np.int64]) -> pl.DataFrame:
        """Return the given rows (sorted), with their numbers as ``row``.

        Raises:
            IndexError: there is no such row.
        """
        if not len(wanted):
            return pl.DataFrame(schema={"row": pl.Int64(), **SCHEMA})
        starts = Column(self.folder / _STARTS, np.int64)
        if not 0 <= wanted[0] <= wanted[-1] < len(starts) - 1:
            raise IndexError(f"{self.folder} holds {len(starts) - 1} rows, not row {wanted[-1]}")
        lines = read_ranges(self.folder / _FILE, starts.take(wanted, 2).tolist())
        texts = pl.read_ndjson(BytesIO(lines), schema=SCHEMA)
        return texts.select(pl.Series("row", wanted), *COLUMNS)


class TextsWriter:
    """Writes `Texts`, part by part; use it in a ``with`` statement."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / _FILE).open("wb")
        self._starts = (folder / _STARTS).open("wb")
        self._size = 0
        self._starts.write(np.zeros(1, np.int64).tobytes())

    def __enter__(self) -> Self:
        return self

    def write(self, part: pl.DataFrame) -> None:
        """Append the rows of a table with `COLUMNS`."""
        lines = part.select(COLUMNS).write_ndjson().encode("utf-8")
        # A line end within a text is escaped.
        ends = np.flatnonzero(np.frombuffer(lines, np.uint8) == _END) + 1
        self._file.write(lines)
        self._starts.write((ends + self._size).astype(np.int64).tobytes())
        self._size += len(lines)

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._starts.close()
