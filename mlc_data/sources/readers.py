"""Rows of JSON, CSV and Parquet files and of Hub datasets, one at a time, none of them lost.

A reader yields every row of its source, also those that hold no usable record; what makes a record
usable is decided in `mlc_data.sources.prompts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from mlc_data.core.hashing import hash_file
from mlc_data.core.paths import source_file
from mlc_data.errors import SourceError
from mlc_data.recipe.sources import Source, TextFormat
from mlc_data.sources.csv_files import read_csv
from mlc_data.sources.hub import open_hub
from mlc_data.sources.json_files import read_json, read_jsonl
from mlc_data.sources.parquet_files import parquet_columns, read_parquet_rows
from mlc_data.sources.rows import OpenSource, RawRow, Wanted
from mlc_data.sources.text_files import GZIP

__all__ = ["OpenSource", "RawRow", "Wanted", "open_source"]

TextReader = Callable[[Path, TextFormat, Wanted | None, str], Iterator[RawRow]]

_TEXT: dict[str, TextReader] = {
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".json": read_json,
    ".csv": read_csv,
    ".tsv": read_csv,
}
_PARQUET = ".parquet"


def open_source(source: Source, key: str, wanted: Wanted | None = None) -> OpenSource:
    """Find the file or dataset that the recipe's ``key`` names.

    Args:
        source: where it is, and how it is written.
        key: of the recipe's section, named in errors.
        wanted: columns that are read; None reads all.

    Raises:
        SourceError: it does not exist, cannot be had, or is of a kind that is not read here.
    """
    if source.hub is not None:
        return open_hub(source, key, wanted)
    path = source_file(source.path or "", f"{key}.path")
    identity = {"file": hash_file(path), "limit": source.limit}
    if path.suffix.lower() == _PARQUET:
        return OpenSource(
            str(path),
            identity,
            lambda: islice(read_parquet_rows(path, wanted), source.limit),
            parquet_columns(path),
        )
    packed = path.suffix.lower() == GZIP
    reader = _TEXT.get((path.with_suffix("") if packed else path).suffix.lower())
    if reader is None:
        raise SourceError(
            f"{key}.path: cannot tell what {path} is by its name; these are read: "
            f"{', '.join((*_TEXT, _PARQUET))}, and text files packed as {GZIP}"
        )
    return OpenSource(
        str(path), identity, lambda: islice(reader(path, source, wanted, key), source.limit)
    )
