"""Locks on files and folders themselves, which end with the process that holds them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def lock_path(path: Path) -> Iterator[None]:
    """Hold a lock on a file or folder of this process's own; without `fcntl` nothing is locked."""
    if fcntl is None:
        yield
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        _lock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def try_lock(path: Path, *, shared: bool = False) -> Iterator[bool]:
    """Yield whether nobody holds a lock on a file or folder; held until the block ends.

    Where the system has no `fcntl`, only a shared lock is taken for free.

    Args:
        path: the file or folder; it may be on a file system that cannot be written.
        shared: let others hold it too, if they ask for a shared one.

    Raises:
        OSError: it cannot be opened.
    """
    if fcntl is None:
        yield shared
        return
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
        yield _lock(handle, kind | fcntl.LOCK_NB)
    finally:
        os.close(handle)


def _lock(handle: int, kind: int) -> bool:
    """Lock an open file; False where another process holds it, or the file system has no locks."""
    try:
        fcntl.flock(handle, kind)
    except OSError:
        return False
    return True
