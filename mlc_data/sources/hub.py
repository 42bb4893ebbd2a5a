"""Rows of datasets of the Hugging Face Hub."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

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
    try:
        dataset = load_dataset(
            source.hub, source.config, split=source.split, revision=source.revision
        )
    # The library's own errors share no base class; each of them means that it cannot be read.
    except Exception as error:
        reason = str(error).strip() or type(error).__name__
        raise SourceError(
            f"{key}.hub: {shown(source.hub)} could not be read: {shortened_middle(reason, 600)}"
        ) from error
    identity = {"hub": source.hub, "data": dataset._fingerprint, "limit": source.limit}
    if commit := _commit(dataset):
        identity["revision"] = commit
    columns = tuple(dataset.column_names)
    chosen = list(columns) if wanted is None else wanted.among(columns)
    names = _names(dataset, chosen, wanted.index if wanted else None)

    def rows() -> Iterator[RawRow]:
        records = dataset.select_columns(chosen) if chosen else ({} for _ in range(len(dataset)))
        for number, record in enumerate(islice(records, source.limit), start=1):
            yield RawRow(number, f"row {number}", _with_names(record, names))

    return OpenSource(name, identity, rows, columns)


def _check_place(location: str, key: str) -> None:
    folder = usable_path(location)
    if folder.is_dir() and _PATTERN.search(str(folder.resolve())):
        raise SourceError(
            f"{key}.hub: the library `datasets` takes the name of the folder {folder.resolve()} for a pattern "
            f"and may read another one: rename it, or name its file in {key}.path"
        )


def _names(dataset: Any, columns: list[str], index: str | None) -> dict[str, Any]:
    """Return the columns whose numbers stand for names (`ClassLabel`), but for the index of responses."""
    features = dataset.features or {}
    labels = {name: features.get(name) for name in columns if name != index}
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
