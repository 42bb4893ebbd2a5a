"""Text files as lines: any encoding, byte order marks, gzip."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from mlc_data.errors import SourceError

GZIP = ".gz"

# The marks of UTF-32 begin like those of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LOOKED_AT = 1 << 14
_NULS = 0.1
"""Share of NUL bytes from which on a file cannot be UTF-8: Latin text in UTF-16 has a half."""


@contextmanager
def open_text(path: Path, encoding: str | None, key: str, newline: str) -> Iterator[TextIO]:
    """Open a text file, unpacked if its name ends in `.gz`, without its byte order mark.

    Bytes that are not of a UTF-8 file become lone surrogates, which are found where the text is looked at.

    Args:
        path: the file.
        encoding: as the recipe names it; None takes what a byte order mark says, else UTF-8.
        key: of the recipe's section, named in errors.
        newline: as of `open`: an empty string, or the one line end that there is.

    Raises:
        SourceError: it is in another encoding, or not packed by gzip.
    """
    try:
        with _open(path) as handle:
            name = encoding or _by_mark(handle.read(_LOOKED_AT), path, key)
            handle.seek(0)
            text = io.TextIOWrapper(handle, name, errors="surrogateescape", newline=newline)
            yield _without_mark(text)
    except UnicodeError as error:
        raise SourceError(
            f"{path} cannot be read in its encoding: {error}; name the right one with {key}.encoding"
        ) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise SourceError(f"{path} cannot be unpacked: {error}") from error


def _open(path: Path) -> BinaryIO:
    if path.suffix.lower() == GZIP:
        return cast(BinaryIO, gzip.open(path, "rb"))
    return path.open("rb")


def _by_mark(start: bytes, path: Path, key: str) -> str:
    for mark, name in _MARKS:
        if start.startswith(mark):
            return name
    if start.count(0) > _NULS * len(start):
        raise SourceError(
            f"{path} is not UTF-8 (it is full of NUL bytes, as UTF-16 is); name its encoding, such as "
            f"{key}.encoding: utf-16-le"
        )
    return "utf-8"


def _without_mark(text: TextIO) -> TextIO:
    """Skip a mark that a named encoding leaves in the text."""
    if text.read(1) != "\ufeff":
        text.seek(0)
    return text
