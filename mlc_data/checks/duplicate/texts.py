"""Texts of all variants in one file, by row: a few can be read without the others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

COLUMNS = ("language", "source", "text", "back_translation")
SCHEMA: dict[str, pl.DataType] = dict.fromkeys(COLUMNS, pl.String())

_FILE, _STARTS = "texts.arrow", "starts.npy"


@dataclass(frozen=True)
class Texts:
    """`COLUMNS` of variants in a folder. The file is memory-mapped and not compressed, so that a process reads
    only the requested rows, and keeps none of them."""

    folder: Path

    @classmethod
    def write(cls, parts: Iterable[pl.DataFrame], folder: Path) -> Texts:
        """Write the texts of all variants, in order; creates the folder."""
        folder.mkdir(parents=True, exist_ok=True)
        starts = [0]
        schema = pl.DataFrame(schema=SCHEMA).to_arrow().schema
        with pa.OSFile(str(folder / _FILE), "wb") as file, pa.ipc.new_file(file, schema) as writer:
            for part in parts:
                if part.height:
                    [batch] = part.select(COLUMNS).to_arrow().combine_chunks().to_batches()
                    writer.write_batch(batch)
                    starts.append(starts[-1] + part.height)
        np.save(folder / _STARTS, np.array(starts, np.int64), allow_pickle=False)
        return cls(folder)

    @classmethod
    def in_folder(cls, folder: Path) -> Texts | None:
        """Return the texts that were written there; None if there are none."""
        return cls(folder) if (folder / _STARTS).is_file() else None

    def rows(self, wanted: NDArray[np.int64]) -> pl.DataFrame:
        """Return the given rows (sorted), with their numbers as ``row``.

        Raises:
            IndexError: there is no such row.
        """
        starts = np.load(self.folder / _STARTS, allow_pickle=False)
        if len(wanted) and not 0 <= wanted[0] <= wanted[-1] < starts[-1]:
            raise IndexError(f"{self.folder} holds {starts[-1]} rows, not row {wanted[-1]}")
        parts = [pl.DataFrame(schema={"row": pl.Int64(), **SCHEMA})]
        batches = np.searchsorted(starts, wanted, side="right") - 1
        with pa.memory_map(str(self.folder / _FILE)) as file:
            reader = pa.ipc.open_file(file)
            for number in np.unique(batches):
                inside = wanted[batches == number]
                taken = reader.get_batch(int(number)).take(pa.array(inside - starts[number]))
                texts = pl.DataFrame(pa.Table.from_batches([taken]))
                parts.append(texts.select(pl.Series("row", inside), *COLUMNS))
        return pl.concat(parts)
