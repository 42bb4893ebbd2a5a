"""The head of a GGUF file, read without its vocabulary (the full reader takes seconds)."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from mlc_data.errors import ModelError

# https://github.com/ggml-org/ggml/blob/master/docs/gguf.md: value type to its form for `struct`
_FORMS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_LONGEST = 1 << 20


Value = str | int | float


def gguf_entries(path: Path, prefix: str = "general.") -> dict[str, Value]:
    """Return the entries whose keys begin with ``prefix``, without lists; reading ends after the last.

    Writers put the entries of ``general.`` first, then those of the architecture.

    Raises:
        ModelError: the file is not in GGUF format (version 2 or 3), or is cut short.
    """
    entries: dict[str, Value] = {}
    with path.open("rb") as handle:
        magic, version, _, count = struct.unpack("<4sIQQ", _exactly(handle, 24, path))
        if magic != b"GGUF" or version not in (2, 3):
            raise ModelError(f"{path} is not a GGUF file of version 2 or 3")
        for _ in range(count):
            key = _string(handle, path)
            if entries and not key.startswith(prefix):
                break
            value = _value(handle, _number(handle, "<I", path), path)
            if value is not None and key.startswith(prefix):
                entries[key] = value
    return entries


def _value(handle: BinaryIO, kind: int, path: Path) -> Value | None:
    if kind == _STRING:
        return _string(handle, path)
    if kind == _ARRAY:
        inner, length = _number(handle, "<I", path), _number(handle, "<Q", path)
        for _ in range(length):
            _value(handle, inner, path)
        return None
    if kind not in _FORMS:
        raise ModelError(f"{path}: unknown GGUF value type {kind}")
    return _number(handle, f"<{_FORMS[kind]}", path)


def _string(handle: BinaryIO, path: Path) -> str:
    return _exactly(handle, _number(handle, "<Q", path), path).decode("utf-8", "replace")


def _number(handle: BinaryIO, form: str, path: Path) -> int:
    value: int = struct.unpack(form, _exactly(handle, struct.calcsize(form), path))[0]
    return value


def _exactly(handle: BinaryIO, size: int, path: Path) -> bytes:
    piece = handle.read(size) if size <= _LONGEST else b""
    if len(piece) != size:
        raise ModelError(f"{path} is cut short or no GGUF file")
    return piece
