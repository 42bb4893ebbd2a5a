"""Rows of datasets of the Hugging Face Hub."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from mlc_data.core.hashing import hash_file, hash_value
from mlc_data.core.messages import shortened_middle, shown
from mlc_data.core.paths import usable_path
from mlc_data.errors import SourceError
from mlc_data.recipe.sources import Source
from mlc_data.sources.rows import OpenSource, RawRow, Wanted

_COMMIT = re.compile(r"^[0-9a-f]{40}$")
_PATTERN = re.compile(r"[*?\[\]{}]")


def open_hub(source: Source, key: str, wanted: Wanted | None) -> OpenSource:
    """Fetch a dataset, or read it from a folder that is laid out like one.

    Raises:
        SourceError: it cannot be had; with all that the library says.
    """
    from datasets import load_dataset

    name = f"{source.hub} ({source.split})"
    _check_place(source.hub or "", key)
    revision = _newest(source, key) if source.streaming else source.revision
    try:
        dataset = load_dataset(
            source.hub,
            source.config,
            split=source.split,
            revision=source.revision if Path(source.hub or "").is_dir() else revision,
            streaming=source.streaming,
        )
    # The library's own errors share no base class; each of them means that it cannot be read.
    except Exception as error:
        raise _unreadable(source, key, error) from error
    identity: dict[str, Any] = {"hub": source.hub, "limit": source.limit}
    if source.streaming:
        identity["data"] = hash_value([revision, source.config, source.split])
    else:
        identity["data"] = dataset._fingerprint
        revision = _commit(dataset)
    if revision and _COMMIT.match(revision):
        identity["revision"] = revision
    columns = tuple(dataset.column_names or ())
    chosen = list(columns) if wanted is None else wanted.among(columns)
    names = _names(dataset, chosen, wanted.numbers if wanted else ())

    def rows() -> Iterator[RawRow]:
        try:
            for number, record in enumerate(
                islice(_records(dataset, chosen), source.limit), start=1
            ):
                yield RawRow(number, f"row {number}", _with_names(record, names))
        except SourceError:
            raise
        except Exception as error:
            # What is streamed is only fetched here.
            raise _unreadable(source, key, error) from error

    return OpenSource(name, identity, rows, columns)


def _records(dataset: Any, chosen: list[str]) -> Iterable[dict[str, Any]]:
    if chosen:
        records: Iterable[dict[str, Any]] = dataset.select_columns(chosen)
        return records
    if dataset.column_names is None:  # streamed lines tell their columns one by one
        return (dict(record) for record in dataset)
    return ({} for _ in dataset)


def _unreadable(source: Source, key: str, error: Exception) -> SourceError:
    reason = str(error).strip() or type(error).__name__
    return SourceError(
        f"{key}.hub: {shown(source.hub)} could not be read: {shortened_middle(reason, 1500)}"
    )


def _newest(source: Source, key: str) -> str:
    """Return the commit that is streamed, so that the same rows are read until there is a newer one; for a folder
    the hash of its files."""
    folder = Path(source.hub or "")
    if folder.is_dir():
        files = sorted(one for one in folder.rglob("*") if one.is_file())
        return hash_value([[str(one.relative_to(folder)), hash_file(one)] for one in files])
    from huggingface_hub import HfApi

    try:
        found = HfApi().dataset_info(source.hub or "", revision=source.revision)
    # Errors of the Hub and of the connection share no base class either.
    except Exception as error:
        raise _unreadable(source, key, error) from error
    return str(found.sha)


def _check_place(location: str, key: str) -> None:
    folder = usable_path(location)
    if folder.is_dir() and _PATTERN.search(str(folder.resolve())):
        raise SourceError(
            f"{key}.hub: the library `datasets` takes the name of the folder {folder.resolve()} for a pattern "
            f"and may read another one: rename it, or name its file in {key}.path"
        )


def _names(dataset: Any, columns: list[str], numbers: Sequence[str]) -> dict[str, Any]:
    """Return the columns whose numbers stand for names (`ClassLabel`), but for those that are wanted as numbers."""
    features = dataset.features or {}
    labels = {name: features.get(name) for name in columns if name not in numbers}
    return {name: label for name, label in labels.items() if hasattr(label, "int2str")}


def _with_names(record: dict[str, Any], names: dict[str, Any]) -> dict[str, Any]:
    named = {
        # A number below 0 is how the library writes "none".
        name: label.int2str(record[name]) if (record.get(name) or 0) >= 0 else None
        for name, label in names.items()
        if record.get(name) is not None
    }
    return {**record, **named}


def _commit(dataset: Any) -> str | None:
    """Return the commit of a dataset of the Hub; None if `datasets` does not record it.

    `datasets` caches what it reads in a folder named by the commit.
    """
    for file in dataset.cache_files:
        name = Path(file["filename"]).parent.name
        if _COMMIT.match(name):
            return name
    return None
