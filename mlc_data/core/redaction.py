"""What a publication must not tell: where files lie on the machine that it was made on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

_WINDOWS = re.compile(r"^[A-Za-z]:[\\/]")


def is_local(text: str) -> bool:
    """Whether a text is an absolute path, or one that begins at somebody's home."""
    return bool(text.startswith(("/", "~", "file:")) or _WINDOWS.match(text)) and "\n" not in text


def without_folders(value: Any) -> Any:
    """A JSON-able value in which absolute paths are cut to their last part.

    Relative paths, ``package://`` locations and Hub ids stay as they are.
    """
    if isinstance(value, str):
        if not is_local(value):
            return value
        path = PureWindowsPath(value) if _WINDOWS.match(value) else PurePosixPath(value)
        return path.name or value
    if isinstance(value, Mapping):
        return {key: without_folders(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_folders(inner) for inner in value]
    return value
