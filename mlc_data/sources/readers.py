"""Rows of JSON, CSV and Parquet files and of Hub datasets, one at a time, without losing any.

A reader yields every row of its source, also rows without a usable record; `mlc_data.sources.prompts`
decides whether a record is usable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from mlc_data.core.hashing import hash_file, hash_value
from mlc_data.core.paths import local_path, source_file
from mlc_data.errors import SourceError
from mlc_data.recipe.sources import Source, TextFormat
from mlc_data.sources.csv_files import read_csv
from mlc_data.sources.hub import open_hub
from mlc_data.sources.json_files import read_json, read_jsonl
from mlc_data.sources.parquet_files import parquet_columns, read_parquet_rows
from mlc_data.sources.rows import OpenSource, RawRow, Wanted
from mlc_data.sources.text_files import PACKED

__all__ = ["OpenSource", "RawRow", "Wanted", "open_source"]

TextReader = Callable[[Path, TextFormat, Wanted | None, str], Iterator[RawRow]]

_TEXT: dict[str, TextReader] = {
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".json": read_json,
    ".csv": read_csv,
    ".tsv": read_csv,
    ".tab": read_csv,
}
_PARQUET = ".parquet"
_KINDS = (*_TEXT, _PARQUET)
_DESCRIBING = ("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json")
"""Files beside a dataset that tell of it."""

_File = tuple[Callable[[], Iterator[RawRow]], tuple[str, ...]]


def open_source(source: Source, key: str, wanted: Wanted | None = None) -> OpenSource:
    """Find the files or the dataset that the recipe's ``key`` names.

    Args:
        source: where it is, and how it is written.
        key: of the recipe's section, named in errors.
        wanted: columns that are read; None reads all.

    Raises:
        SourceError: it does not exist, cannot be read or downloaded, or has an unknown format.
    """
    if source.hub is not None:
        return open_hub(source, key, wanted)
    files = named_files(source, key)
    hashes = [_hash(path) for path in files]
    single = source.path is not None and files == [local_path(source.path)]
    identity = {"file": hashes[0] if single else hash_value(hashes), "limit": source.limit}
    opened = [_open_file(path, source, wanted, key) for path in files]

    def rows() -> Iterator[RawRow]:
        return islice(opened[0][0]() if single else _joined(files, opened), source.limit)

    columns = dict.fromkeys(name for _, names in opened for name in names)
    return OpenSource(", ".join(map(str, files)), identity, rows, tuple(columns))


def _hash(path: Path) -> str:
    try:
        return hash_file(path)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}") from error


def named_files(source: Source, key: str) -> list[Path]:
    """Return the files that a source names, with those of its folders.

    Raises:
        SourceError: one does not exist, or a folder has none that can be read.
    """
    if source.glob is not None:
        return _matching(source.glob, source, f"{key}.glob")
    of_path = source.path is not None
    where = f"{key}.path" if of_path else f"{key}.files"
    files: list[Path] = []
    for location in (source.path,) if source.path is not None else source.files or ():
        folder = local_path(location)
        files += (
            _inside(folder, source, where) if folder.is_dir() else [source_file(location, where)]
        )
    return files


def _matching(pattern: str, source: TextFormat, key: str) -> list[Path]:
    path = local_path(pattern)
    root = Path(path.anchor) if path.is_absolute() else Path()
    parts = path.parts[1:] if path.is_absolute() else path.parts
    # A folder that a pattern names stands for nothing: only its files do.
    found = sorted(one for one in root.glob(str(Path(*parts))) if one.is_file())
    if not found:
        raise SourceError(
            f"{key}: no file is named like {pattern} (relative paths start at {Path.cwd()})"
        )
    return found


def _inside(folder: Path, source: TextFormat, key: str) -> list[Path]:
    """Return the files of a folder, in order of their names, but for hidden and describing ones."""
    visible = sorted(one for one in folder.iterdir() if not one.name.startswith((".", "_")))
    files = [one for one in visible if one.is_file() and one.name not in _DESCRIBING]
    if source.format is None:
        files = [one for one in files if _kind(one, source) in _KINDS]
    if not files:
        folders = ", ".join(one.name for one in visible if one.is_dir())
        within = f"; it has folders ({folders}): name one of them" if folders else ""
        raise SourceError(f"{key}: the folder {folder} has no file of {', '.join(_KINDS)}{within}")
    return files


def _joined(files: Sequence[Path], opened: Sequence[_File]) -> Iterator[RawRow]:
    """Yield the rows of several files, numbered throughout."""
    number = 0
    for path, (rows, _) in zip(files, opened, strict=True):
        for raw in rows():
            number += 1
            yield replace(raw, row=number, where=f"{path.name}, {raw.where}")


def _open_file(path: Path, source: Source, wanted: Wanted | None, key: str) -> _File:
    """Return what reads a file, and the names of its columns as far as its format tells them."""
    kind = _kind(path, source)
    if kind == _PARQUET:
        return lambda: read_parquet_rows(path, wanted), parquet_columns(path)
    if kind not in _TEXT:
        raise SourceError(
            f"{key}.path: unknown format of {path}; these file types are read: {', '.join(_KINDS)}, and text "
            f"files packed as {', '.join(PACKED)}; {key}.format names that of a file with another ending"
        )
    return lambda: _TEXT[kind](path, source, wanted, key), ()


def _kind(path: Path, form: TextFormat) -> str:
    """Return the ending that tells the format; that of a packed file stands before the packing's."""
    if form.format is not None:
        return f".{form.format}"
    packed = path.suffix.lower() in PACKED
    kind = (path.with_suffix("") if packed else path).suffix.lower()
    return "" if packed and kind == _PARQUET else kind
