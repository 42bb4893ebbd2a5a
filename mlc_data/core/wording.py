"""Values in words, for log lines and messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def in_words(values: Mapping[Any, Any], empty: str = "none") -> str:
    """Return ``{"script": 3, "copied": 1}`` as ``script 3, copied 1``; ``empty`` for an empty mapping."""
    return ", ".join(f"{key} {value}" for key, value in values.items()) or empty
