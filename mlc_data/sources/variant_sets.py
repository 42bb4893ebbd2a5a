"""Variant sets of a published data set: on the Hub, in a folder laid out like it, or in one file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from mlc_data.core.paths import is_hub_id, local_path
from mlc_data.errors import SourceError
from mlc_data.recipe.sources import Source
from mlc_data.sources.readers import open_source

CONFIG = "sets"
KEY = "--dataset"
_NEEDED = ("prompt_id", "prompt", "language", "variants")


def read_published(location: str, split: str, limit: int | None = None) -> list[dict[str, Any]]:
    """Return rows of `records.SETS` that have at least one variant.

    Args:
        location: ``organisation/name`` on the Hub, a published folder, or a file with rows of sets.
        split: of a Hub data set or a folder; a file has none.
        limit: largest number of rows; None takes all.

    Raises:
        SourceError: it cannot be read, or has no variant sets.
    """
    path = local_path(location)
    if not path.exists() and not is_hub_id(location):
        raise SourceError(f"{KEY}: {location} does not exist; a Hub id reads organisation/name")
    if path.is_file():
        source = Source(path=location)
    else:
        source = Source(hub=location, config=CONFIG, split=split)
    try:
        opened = open_source(source, KEY)
    except SourceError as error:  # this is an option, not a section with the keys `path` and `hub`
        message = re.sub(rf"^{KEY}\.\w+", KEY, str(error))
        if "Unknown split" in message:
            message += "; --split names it"
        raise SourceError(message) from error

    def usable() -> Iterator[dict[str, Any]]:
        for raw in opened.rows():
            record = raw.record or {}
            if missing := [name for name in _NEEDED if name not in record]:
                raise SourceError(
                    f"{KEY}: {opened.name}, {raw.where}, has no {', '.join(missing)}: variant sets have "
                    f"{', '.join(_NEEDED)}, as `mlc-data publish` writes them"
                )
            if record["variants"]:
                yield dict(record)

    return list(islice(usable(), limit))
