"""Exchange of two folders in one step, where the operating system can."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

_HERE = -100  # AT_FDCWD: relative paths start at the working directory
_EXCHANGE = 2  # RENAME_EXCHANGE, Linux 3.15
_SWAP = 2  # RENAME_SWAP, macOS 10.12


def exchange(one: Path, other: Path) -> None:
    """Give each of two folders the other's name.

    Without the system's own exchange there is a moment in which ``other`` does not exist.
    """
    if _exchanged(os.fsencode(one), os.fsencode(other)):
        return
    between = one.with_name(f"{one.name}.between")
    other.rename(between)
    try:
        one.rename(other)
    except OSError:
        between.rename(other)
        raise
    between.rename(one)


def _exchanged(one: bytes, other: bytes) -> bool:
    """Return whether the system has exchanged them in one step; file systems may lack it."""
    if not sys.platform.startswith(("linux", "darwin")):
        return False
    library = ctypes.CDLL(None, use_errno=True)
    try:
        if sys.platform == "darwin":
            return int(library.renamex_np(one, other, _SWAP)) == 0
        return int(library.renameat2(_HERE, one, _HERE, other, _EXCHANGE)) == 0
    except AttributeError:  # a C library without it
        return False
