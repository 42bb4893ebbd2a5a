"""Rows that a recipe selects by the values of their columns (`where`)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

_WORDS = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}


def is_selected(record: Mapping[str, Any], where: Mapping[str, Any] | None) -> bool:
    """Return whether a row has one of the wanted values in each of the columns.

    A name with dots that is no column looks into a column of fields. A list has a value if one of its items is
    it; null is what an absent or blank field has.
    """
    return all(
        _has(value_of(record, name), wanted if isinstance(wanted, tuple | list) else (wanted,))
        for name, wanted in (where or {}).items()
    )


def value_of(record: Mapping[str, Any], name: str) -> Any:
    """Return a field, also one within another (`category.violence`); None where there is none."""
    if name in record or "." not in name:
        return record.get(name)
    first, _, rest = name.partition(".")
    inner = record.get(first)
    return value_of(inner, rest) if isinstance(inner, Mapping) else None


def is_number(wanted: Any) -> bool:
    """Return whether the wanted values are numbers (or flags) alone."""
    values = wanted if isinstance(wanted, tuple | list) else (wanted,)
    return all(isinstance(one, int | float) for one in values)


def _has(value: Any, wanted: Sequence[Any]) -> bool:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return any(_is(one, each) for one in value for each in wanted)
    return any(_is(value, each) for each in wanted)


def _is(value: Any, wanted: Any) -> bool:
    """Compare as the formats write values: files of text have no numbers and no flags."""
    text = value.strip() if isinstance(value, str) else value
    if wanted is None:
        return text in (None, "") or (isinstance(text, float) and math.isnan(text))
    if text is None:
        return False
    if isinstance(wanted, bool):
        return (_WORDS.get(text.lower()) if isinstance(text, str) else text) == wanted
    if isinstance(wanted, int | float):
        return _number(text) == wanted
    return str(text) == wanted.strip() or (
        isinstance(text, bool) and str(text).lower() == wanted.strip().lower()
    )


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
