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
    """Yield a row for every line. A file that is one list of objects in spite of its name is read as such."""
    with open_text(path, form.encoding, key, newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            if number == 1 and line.lstrip(_BLANKS).startswith("["):
                items = _whole_list(line + lines.read())
                if items is not None:
                    yield from (_row(n, f"item {n}", item) for n, item in enumerate(items, start=1))
                    return
                break
            yield _line(number, line)
        else:
            return
    with open_text(path, form.encoding, key, newline="\n") as lines:
        for number, line in enumerate(lines, start=1):
            yield _line(number, line)


def _whole_list(text: str) -> list[Any] | None:
    try:
        whole = _parse(text)
    except (ValueError, RecursionError):
        return None
    return (
        whole if isinstance(whole, list) and any(isinstance(one, dict) for one in whole) else None
    )


def read_json(path: Path, form: TextFormat, wanted: Wanted | None, key: str) -> Iterator[RawRow]:
    """Yield the objects of a list, which may be the only list in an object; else a row for every line.

    Raises:
        SourceError: a list is cut off or malformed, or there are several.
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
        whole = _one_after_another(text)
    items = _items(whole, wanted, path)
    if items is None:
        lines = io.StringIO(text, newline="\n")
        yield from (_line(number, line) for number, line in enumerate(lines, start=1))
        return
    for number, item in enumerate(items, start=1):
        yield _row(number, f"item {number}", item)


def _one_after_another(text: str) -> list[Any] | None:
    """Return objects that are written over several lines each, one after the other; None where lines are rows."""
    decoder, place, found = json.JSONDecoder(), 0, []
    first = text.lstrip(_BLANKS).partition("\n")[0].strip()
    if first.endswith("}"):
        return None
    while place < len(text):
        if text[place] in _BLANKS:
            place += 1
            continue
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            return None
        found.append(value)
    return found or None


def _items(whole: Any, wanted: Wanted | None, path: Path) -> list[Any] | None:
    if isinstance(whole, list):
        return whole
    if not isinstance(whole, Mapping):
        return None
    if (table := _of_table(whole)) is not None:
        return table
    if wanted is not None and wanted.among(whole):
        return _of_columns(whole) or [whole]
    return _within(whole, wanted, path)


def _within(whole: Mapping[str, Any], wanted: Wanted | None, path: Path) -> list[Any] | None:
    """Return the only list of objects in an object, or the objects in it, or the object itself as a row."""
    lists = {
        name: value
        for name, value in whole.items()
        if isinstance(value, list) and value and isinstance(value[0], Mapping)
    }
    if len(lists) > 1:
        raise SourceError(
            f"{path} holds several lists of objects ({', '.join(lists)}): one is read, so keep each in a file of "
            "its own"
        )
    if lists:
        return next(iter(lists.values()))
    inner = list(whole.values())
    if inner and all(isinstance(one, Mapping) for one in inner):
        # Objects by their id, or another object around the list.
        return inner if len(inner) > 1 else _items(inner[0], wanted, path)
    return [whole]


def _of_table(whole: Mapping[str, Any]) -> list[Any] | None:
    """Return the rows of names and lists of cells, another of pandas' forms; None if it is none."""
    names, rows = whole.get("columns"), whole.get("data")
    lists = isinstance(names, list) and isinstance(rows, list) and rows
    if not lists or not all(isinstance(row, list) for row in rows or ()):
        return None
    return [dict(zip(map(str, names or ()), row, strict=False)) for row in rows or ()]


def _of_columns(whole: Mapping[str, Any]) -> list[Any] | None:
    """Return the rows of an object of columns, as pandas writes tables; None if it is none."""
    columns = list(whole.values())
    if all(isinstance(column, Mapping) for column in columns):
        keys = list(columns[0])
        if all(list(column) == keys for column in columns):
            return [{name: column[key] for name, column in whole.items()} for key in keys]
        return None
    lengths = {len(column) if isinstance(column, list) else -1 for column in columns}
    # A list of turns is a conversation, and so its object a row.
    texts = all(
        isinstance(column, list) and not any(isinstance(one, Mapping) for one in column)
        for column in columns
    )
    if len(lengths) == 1 and texts and columns[0]:
        return [dict(zip(whole, row, strict=True)) for row in zip(*columns, strict=True)]
    return None


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
