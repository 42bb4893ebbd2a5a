"""Removal of what must not be published or logged: folders of this machine, and secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

_WINDOWS = re.compile(r"^[A-Za-z]:[\\/]")


def is_local(text: str) -> bool:
    """Return whether a text is an absolute path, or one that begins at a user's home."""
    return bool(text.startswith(("/", "~", "file:")) or _WINDOWS.match(text)) and "\n" not in text


def without_folders(value: Any) -> Any:
    """Return a JSON-able value with every absolute path cut to its last part.

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


def shortened(text: str, limit: int = 200) -> str:
    """Return the first ``limit`` characters of a text, printable and on one line."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(printable.split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


class Secret:
    """A text that appears in no ``repr``, so in no log line and no traceback with variables."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "***"

    def removed_from(self, text: str) -> str:
        """Return ``text`` without the secret: a server may send back what it received."""
        return text.replace(self._text, "***") if self._text else text

    def header(self) -> dict[str, str]:
        """Return the request header that carries the secret; empty if the secret is."""
        return {"Authorization": f"Bearer {self._text}"} if self._text else {}
