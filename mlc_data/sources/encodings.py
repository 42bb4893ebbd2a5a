"""Encoding of a text file, as its bytes tell it: a byte order mark, UTF-8, UTF-16 without a mark, cp1252.

What Excel and Windows write is recognised. A UTF-8 file with some broken bytes stays one, so that they cost
their rows alone.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import BinaryIO

# The marks of UTF-32 begin like those of UTF-16.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_AT_ONCE = 1 << 20  # bytes
_NULS = 0.3
"""Share of NUL bytes on one side of the pairs from which on they are UTF-16; English has nearly all of them."""
_OTHER_NULS = 0.02

# Undefined in cp1252 or rare in it, where Mac OS has its letters; a capital within a small word, which is one of its
# quotes; or what broken data is filled with.
_NOT_CP1252 = re.compile(
    b"[\x00\x81\x83\x86-\x8b\x8d-\x90\x98\x9a\x9b\x9d-\x9f\xfe\xff]|[a-z][\xc0-\xde][a-z]"
)
_HIGH = re.compile(b"[\x80-\xff]+")
_UTF8 = re.compile(
    b"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}|\xe2\x80"
)
_MARKS_OF_CP1252 = b"\x80\x82\x84\x85\x91\x92\x93\x94\x95\x96\x97\xa0\xab\xbb\xdf"
"""Quotes, dashes, dots, the euro, the hard blank and ß, which stand beside letters with accents."""
_ALONE = 0.8
"""Share of the runs of bytes beyond ASCII that are one byte long: letters with accents stand between others."""
_MOSTLY_ASCII = 0.2
"""Largest share of bytes beyond ASCII, so that text in Cyrillic or Chinese encodings is not mistaken."""


@dataclass(frozen=True, slots=True)
class Encoding:
    """Name of an encoding as Python has it; ``guessed`` is True if nothing in the file names it."""

    name: str
    guessed: bool = False


@dataclass
class _Cp1252:
    """Evidence for cp1252 in the bytes of a file."""

    size: int = 0
    high: int = 0
    runs: int = 0
    alone: int = 0
    possible: bool = True

    def add(self, part: bytes) -> None:
        self.size += len(part)
        if not self.possible or part.isascii():
            return
        runs = _HIGH.findall(part)
        self.high += sum(map(len, runs))
        self.runs += len(runs)
        self.alone += sum(len(run.strip(_MARKS_OF_CP1252)) <= 1 for run in runs)
        self.possible = not _NOT_CP1252.search(part) and not _UTF8.search(part)

    @property
    def is_likely(self) -> bool:
        return (
            self.possible
            and self.alone >= _ALONE * self.runs
            and self.high <= _MOSTLY_ASCII * self.size
        )


def detect(handle: BinaryIO) -> Encoding:
    """Return the encoding of a file that is read from its start to where it is known.

    Raises:
        UnicodeError: it holds so many NUL bytes that it is neither UTF-8 nor Latin text in UTF-16.
    """
    start = handle.read(_AT_ONCE)
    for mark, name in _MARKS:
        if start.startswith(mark):
            return Encoding(name)
    if wide := _utf16(start):
        return Encoding(wide, guessed=True)
    if start.count(0) > _OTHER_NULS * len(start):
        raise UnicodeError("it is full of NUL bytes, as UTF-16 and files that are no text are")
    decoder = codecs.getincrementaldecoder("utf-8")()
    valid, evidence, part = True, _Cp1252(), start
    while part:
        following = handle.read(_AT_ONCE)
        evidence.add(part)
        if valid:
            try:
                decoder.decode(part, final=not following)
            except UnicodeDecodeError:
                valid = False
        if not valid and not evidence.possible:
            break
        part = following
    if valid or not evidence.is_likely:
        return Encoding("utf-8")
    return Encoding("cp1252", guessed=True)


def _utf16(start: bytes) -> str | None:
    """Return UTF-16 in the order of bytes whose high ones are NUL, as those of Latin letters are."""
    pairs = len(start) // 2
    if not pairs:
        return None
    even, odd = start[0::2].count(0) / pairs, start[1::2].count(0) / pairs
    if odd >= _NULS and even <= _OTHER_NULS:
        return "utf-16-le"
    if even >= _NULS and odd <= _OTHER_NULS:
        return "utf-16-be"
    return None
