"""Values in words, for log lines and messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def in_words(values: Mapping[Any, Any], empty: str = "none") -> str:
    """Return ``{"script": 3, "copied": 1}`` as ``script 3, copied 1``; ``empty`` for an empty mapping."""
    return ", ".join(f"{key} {value}" for key, value in values.items()) or empty


def duration(seconds: float) -> str:
    """Return seconds in words: ``3.2 s``, ``42 s``, ``5 min 10 s``, ``3 h 20 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def rate(speed: float) -> str:
    """Return units per second as ``312/s`` or ``2.4/s``; below one per second as ``34 s each``."""
    if speed < 1:
        return f"{1 / speed:.0f} s each" if speed else ""
    return f"{speed:,.0f}/s" if speed >= 10 else f"{speed:.1f}/s"


def amount(number: int, noun: str) -> str:
    """Return ``1 prompt``, ``2 prompts``, ``1,000 prompts``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
