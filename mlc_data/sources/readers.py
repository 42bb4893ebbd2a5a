"""Rows of JSONL, CSV and Parquet files and of Hub datasets, one at a time, without losing any.

A reader yields every row of its source, also rows without a usable record; `mlc_data.sources.stage`
decides whether a record is usable.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from mlc_data.core.hashing import hash_file
from mlc_data.core.paths import source_file
from mlc_data.core.records import PromptReason
from mlc_data.errors import SourceError
from mlc_data.recipe.recipe import Source

_COMMIT = re.compile(r"^[0-9a-f]{40}$")


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row as it is in its source.

    ``row`` counts from 1; ``where`` is its place for a human reader ("line 7"). A row without a
    record has ``record`` None and a reason.
    """

    row: int
    where: str
    record: Mapping[str, Any] | None
    reason: PromptReason | None = None
    detail: str = ""


@dataclass(frozen=True)
class OpenSource:
    """A source that can be read: its location, its identity (for keys and lineage), and its rows."""

    name: str
    identity: Mapping[str, Any]
    rows: Callable[[], Iterator[RawRow]]


def open_source(source: Source, key: str) -> OpenSource:
    """Find the file or dataset that the recipe's ``key`` names.

    Raises:
        SourceError: it does not exist, cannot be downloaded, or has an unknown format.
    """
    if source.hub is not None:
        return _open_hub(source, key)
    path = source_file(source.path or "", f"{key}.path")
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise SourceError(
            f"{key}.path: unknown format of {path}; these file types are read: "
            f"{', '.join(_READERS)}"
        )
    identity = {"file": hash_file(path), "limit": source.limit}
    return OpenSource(str(path), identity, lambda: islice(reader(path), source.limit))


def _read_jsonl(path: Path) -> Iterator[RawRow]:
    with path.open("rb") as handle:
        for number, line in enumerate(handle, start=1):
            yield _json_line(number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line)


def _json_line(number: int, line: bytes) -> RawRow:
    where = f"line {number}"
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        detail = f"byte {error.start + 1} is not UTF-8"
        return RawRow(number, where, None, PromptReason.NOT_UNICODE, detail)
    if not text.strip():
        return RawRow(number, where, None, PromptReason.EMPTY, "the line is blank")
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        return RawRow(number, where, None, PromptReason.MALFORMED, f"not JSON: {error}")
    if not isinstance(record, dict):
        kind = type(record).__name__
        return RawRow(number, where, None, PromptReason.NOT_AN_OBJECT, f"a JSON {kind}")
    return RawRow(number, where, record)


def _read_csv(path: Path) -> Iterator[RawRow]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    # csv's own limit is not needed: a cell that is too long is rejected with its row.
    csv.field_size_limit(2**31 - 1)
    # Bytes that are not UTF-8 become lone surrogates, which reject the row.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as handle:
        records = _csv_records(handle.readlines(), delimiter)
    _, header, fault = next(records, (1, [], "it is empty"))
    if fault or not header:
        raise SourceError(f"{path}, line 1: no column names: {fault or 'the line is blank'}")
    if len(set(header)) < len(header):
        twice = sorted({name for name in header if header.count(name) > 1})
        raise SourceError(f"{path}, line 1: the header names {', '.join(twice)} more than once")
    for number, (line, cells, fault) in enumerate(records, start=1):
        yield _csv_row(number, line, header, cells, fault)


def _csv_records(lines: list[str], delimiter: str) -> Iterator[tuple[int, list[str], str]]:
    """Yield line number, cells and fault of every record.

    A record that is not CSV (a quote that is never closed, text after a closing quote) loses only its
    first line: reading continues at the next line.
    """
    begun = 0
    while begun < len(lines):
        reader = csv.reader(islice(lines, begun, None), delimiter=delimiter, strict=True)
        read = 0
        try:
            for cells in reader:
                yield begun + read + 1, cells, ""
                read = reader.line_num
            return
        except csv.Error as error:
            yield begun + read + 1, [], f"not CSV: {error}"
            begun += read + 1


def _csv_row(number: int, line: int, header: list[str], cells: list[str], fault: str) -> RawRow:
    where = f"line {line}"
    if fault:
        return RawRow(number, where, None, PromptReason.MALFORMED, fault)
    if not cells:
        return RawRow(number, where, None, PromptReason.EMPTY, "the line is blank")
    if len(cells) > len(header):
        detail = f"{len(cells)} fields where the header has {len(header)}"
        return RawRow(number, where, None, PromptReason.MALFORMED, detail)
    # An empty cell is how CSV writes "nothing".
    record = {name: cell if cell else None for name, cell in zip(header, cells, strict=False)}
    return RawRow(number, where, record)


def _read_parquet(path: Path) -> Iterator[RawRow]:
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SourceError(f"{path} cannot be read as Parquet: {error}") from error
    for number, record in enumerate(frame.iter_rows(named=True), start=1):
        yield RawRow(number, f"row {number}", record)


def _open_hub(source: Source, key: str) -> OpenSource:
    from datasets import load_dataset

    name = f"{source.hub} ({source.split})"
    try:
        dataset = load_dataset(
            source.hub, source.config, split=source.split, revision=source.revision
        )
    # The library's own errors share no base class; each of them means that it cannot be read.
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise SourceError(f"{key}.hub: {source.hub!r} could not be read: {reason}") from error

    def rows() -> Iterator[RawRow]:
        for number, record in enumerate(islice(dataset, source.limit), start=1):
            yield RawRow(number, f"row {number}", record)

    identity = {"hub": source.hub, "data": dataset._fingerprint, "limit": source.limit}
    if commit := _commit(dataset):
        identity["revision"] = commit
    return OpenSource(name, identity, rows)


def _commit(dataset: Any) -> str | None:
    """Return the commit of a dataset of the Hub; None if `datasets` does not record it.

    `datasets` caches what it reads in a folder named by the commit.
    """
    for file in dataset.cache_files:
        name = Path(file["filename"]).parent.name
        if _COMMIT.match(name):
            return name
    return None


_READERS: dict[str, Callable[[Path], Iterator[RawRow]]] = {
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".parquet": _read_parquet,
}
