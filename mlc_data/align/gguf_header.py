"""Texts at the head of a GGUF file, read without its vocabulary (the full reader takes seconds)."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from mlc_data.errors import ModelError

# https://github.com/ggml-org/ggml/blob/master/docs/gguf.md: value type to bytes
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9
_LONGEST = 1 << 20


def gguf_texts(path: Path, prefix: str = "general.") -> dict[str, str]:
    """The string entries whose keys begin with ``prefix``; reading ends after the last of them.

    Writers put the entries of ``general.`` first.

    Raises:
        ModelError: the file is not in GGUF format (version 2 or 3), or is cut short.
    """
    found: dict[str, str] = {}
    with path.open("rb") as handle:
        magic, version, _, count = struct.unpack("<4sIQQ", _exactly(handle, 24, path))
        if magic != b"GGUF" or version not in (2, 3):
            raise ModelError(f"{path} is not a GGUF file of version 2 or 3")
        for _ in range(count):
            key = _string(handle, path)
            if found and not key.startswith(prefix):
                break
            value = _value(handle, _number(handle, "<I", path), path)
            if value is not None and key.startswith(prefix):
                found[key] = value
    return found


def _value(handle: BinaryIO, kind: int, path: Path) -> str | None:
    if kind == _STRING:
        return _string(handle, path)
    if kind == _ARRAY:
        inner, length = _number(handle, "<I", path), _number(handle, "<Q", path)
        for _ in range(length):
            _value(handle, inner, path)
        return None
    if kind not in _SIZES:
        raise ModelError(f"{path}: unknown GGUF value type {kind}")
    _exactly(handle, _SIZES[kind], path)
    return None


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
