"""Hostile corpus: rows, files, recipes and their expected outcomes.

Written as data in ``*.jsonl``. A text stands as a string, as a list of strings and ``[unit, times]`` for long ones,
or as hexadecimal bytes (``hex``) where it is no text. Files that JSON cannot hold are made in `odd_files`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


def cases(name: str) -> list[dict[str, Any]]:
    """Return the cases of ``<name>.jsonl``."""
    lines = (FOLDER / f"{name}.jsonl").read_text(encoding="ascii").splitlines()
    return [json.loads(line) for line in lines]


def text_of(written: Any) -> str:
    """Return a text that may be written in parts."""
    if isinstance(written, str):
        return written
    return "".join(one if isinstance(one, str) else one[0] * one[1] for one in written)


def bytes_of(case: Mapping[str, Any], key: str = "line") -> bytes:
    """Return the bytes of a case."""
    if "hex" in case:
        return bytes.fromhex(case["hex"])
    if "latin1" in case:
        return text_of(case["latin1"]).encode("latin-1")
    return text_of(case[key]).encode("utf-8")
