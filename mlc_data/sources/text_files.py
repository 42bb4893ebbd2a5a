"""Text files as lines: packed or not, in any encoding, with or without a byte order mark."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import logging
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

import pyarrow as pa

from mlc_data.errors import SourceError
from mlc_data.sources.encodings import detect

log = logging.getLogger(__name__)


class _Stream(io.RawIOBase):
    """Bytes of a file packed by Zstandard, as Arrow unpacks them."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        # Opened by Python, so that the path is a name whatever is in it.
        self._file = path.open("rb")
        self._stream = pa.CompressedInputStream(self._file, "zstd")

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; return the number of bytes, 0 at the end."""
        part = self._stream.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


_MAGIC = {
    ".gz": b"\x1f\x8b",
    ".zst": b"\x28\xb5\x2f\xfd",
    ".bz2": b"BZh",
    ".xz": b"\xfd7zXZ\x00",
}
LFS_POINTER = b"version https://git-lfs"
OTHERS = {
    b"PK\x03\x04": "a ZIP archive or a workbook: unpack it, or save the sheet as CSV",
    b"\xd0\xcf\x11\xe0": "an old workbook: save the sheet as CSV",
    LFS_POINTER: "a pointer of Git LFS: fetch the file with `git lfs pull`",
    b"PAR1": "Parquet: name it .parquet, or set `format: parquet`",
}
PACKED = tuple(_MAGIC)
"""Endings of packed text files, behind the one that tells their format."""

_MARK = "\ufeff"
_LONGEST_MARK = 8

_BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException)
"""Exceptions of files that cannot be unpacked."""


@contextmanager
def open_text(path: Path, encoding: str | None, key: str, newline: str) -> Iterator[TextIO]:
    """Open a text file, unpacked if its name says that it is packed, without its byte order mark.

    Bytes that are not of a UTF-8 file become lone surrogates, which are found where the text is looked at.

    Args:
        path: the file.
        encoding: as the recipe names it; None takes what `encodings.detect` finds.
        key: of the recipe's section, named in errors.
        newline: as of `open`: an empty string, or the one line end that there is.

    Raises:
        SourceError: it is in another encoding than named, or is not packed as its name says.
    """
    try:
        name = encoding or _detected(path, key)
        mark = _mark(path, name) if encoding else 0
        with _open(path) as handle:
            handle.read(mark)
            yield io.TextIOWrapper(handle, name, errors="surrogateescape", newline=newline)
    except UnicodeError as error:
        raise SourceError(
            f"{path} cannot be read in its encoding: {error}; name the right one with {key}.encoding"
        ) from error
    except _BROKEN as error:
        raise SourceError(f"{path} cannot be unpacked: {error}") from error


def _open(path: Path) -> BinaryIO:
    """Open a file, unpacked if its name or its first bytes say that it is packed."""
    packing = path.suffix.lower()
    if packing not in PACKED:
        with path.open("rb") as handle:
            start = handle.read(8)
        packing = next((name for name, magic in _MAGIC.items() if start.startswith(magic)), "")
    if packing == ".gz":
        return cast(BinaryIO, gzip.GzipFile(path, "rb"))
    if packing == ".zst":
        return cast(BinaryIO, io.BufferedReader(_Stream(path)))
    if packing == ".bz2":
        return cast(BinaryIO, bz2.BZ2File(path, "rb"))
    return cast(BinaryIO, lzma.LZMAFile(path, "rb")) if packing == ".xz" else path.open("rb")


def _mark(path: Path, encoding: str) -> int:
    """Return the length in bytes of a byte order mark that a named encoding would leave in the text."""
    with _open(path) as handle:
        start = handle.read(_LONGEST_MARK)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(start)
    return len(_MARK.encode(encoding)) if text.startswith(_MARK) else 0


def _detected(path: Path, key: str) -> str:
    with path.open("rb") as raw:
        start = raw.read(max(map(len, OTHERS)))
    for magic, kind in OTHERS.items():
        if start.startswith(magic):
            raise SourceError(f"{path} is no text but {kind}")
    with _open(path) as handle:
        found = detect(handle)
    if found.guessed:
        log.warning(
            "%s is neither UTF-8 nor has a byte order mark; it looks like %s and is read as that. "
            "If that is wrong, name its encoding with %s.encoding", path, found.name, key,
        )  # fmt: skip
    return found.name
