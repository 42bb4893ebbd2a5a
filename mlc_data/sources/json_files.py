"""Rows of JSON lines, and of JSON files that hold one list of objects."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mlc_data.core.messages import shown
from mlc_data.core.records import PromptReason
from mlc_data.errors import SourceError
from mlc_data.recipe.sources import TextFormat
from mlc_data.sources.rows import RawRow, Wanted
from mlc_data.sources.text_files import open_text

_BLANKS = " \t\r\n"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object whose keys stand once each; else the earlier values would be lost without a word."""
    made = dict(pairs)
    if len(made) < len(pairs):
        twice = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        raise ValueError(f"the key {shown(twice)} stands twice in an object")
    return made


def _parse(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_object)


def read_jsonl(path: Path, form: TextFormat, wanted: Wanted | None, key: str) -> Iterator[RawRow]:
    """Yield a row for every line."""
    with open_text(path, form.encoding, key, newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            yield _line(number, line)


def read_json(path: Path, form: TextFormat, wanted: Wanted | None, key: str) -> Iterator[RawRow]:
    """Yield the objects of a list, which may be the only list in an object; else a row for every line.

    Raises:
        SourceError: a list is cut off or malformed.
    """
    with open_text(path, form.encoding, key, newline="\n") as handle:
        text = handle.read()
    try:
        whole = _parse(text)
    except RecursionError as error:
        raise SourceError(f"{path} is not JSON: {error}") from error
    except ValueError as error:
        if text.lstrip(_BLANKS).startswith("["):
            raise SourceError(f"{path} is not JSON: {error}") from error
        whole = None
    items = _items(whole, wanted)
    if items is None:
        lines = io.StringIO(text, newline="\n")
        yield from (_line(number, line) for number, line in enumerate(lines, start=1))
        return
    for number, item in enumerate(items, start=1):
        yield _row(number, f"item {number}", item)


def _items(whole: Any, wanted: Wanted | None) -> list[Any] | None:
    if isinstance(whole, list):
        return whole
    if not isinstance(whole, Mapping):
        return None
    lists = [value for value in whole.values() if isinstance(value, list)]
    is_row = wanted is not None and bool(wanted.among(whole))
    if not is_row and len(lists) == 1 and lists[0] and isinstance(lists[0][0], dict):
        return lists[0]
    return [whole]


def _line(number: int, text: str) -> RawRow:
    where = f"line {number}"
    if not text.strip():
        return RawRow(number, where, None, PromptReason.EMPTY, "the line is blank")
    try:
        record = _parse(text)
    except (ValueError, RecursionError) as error:
        return RawRow(number, where, None, PromptReason.MALFORMED, f"not JSON: {error}")
    return _row(number, where, record)


def _row(number: int, where: str, record: Any) -> RawRow:
    if not isinstance(record, dict):
        kind = type(record).__name__
        return RawRow(number, where, None, PromptReason.NOT_AN_OBJECT, f"a JSON {kind}")
    return RawRow(number, where, record)
