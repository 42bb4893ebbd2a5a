"""The lock on a run's folder: one process at a time works in it, and says who it is."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from mlc_data.core.files import is_unfinished, remove_leftovers, write_text
from mlc_data.core.manifest import now
from mlc_data.core.path_locks import try_lock
from mlc_data.errors import MlcDataError

LOCK, HOLDER = ".lock", ".holder.json"
"""The locked file, and the file that names the process which holds it."""

_held: set[Path] = set()


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Lock a run's folder for this process; may be nested, also by another thread.

    What processes that died have left unfinished in the folder is removed. A folder that cannot be written can
    be locked, too: it is read only, and nobody may be writing to it.

    Raises:
        MlcDataError: another process holds it; names it.
    """
    path = folder.resolve()
    if path in _held:
        yield
        return
    with _read_lock(folder) if _is_read_only(path) else _write_lock(folder):
        _held.add(path)
        try:
            yield
        finally:
            _held.discard(path)


def is_free(folder: Path) -> bool:
    """Return whether a path is a folder that holds nothing but what a killed command may have left."""
    return folder.is_dir() and all(
        path.name in (LOCK, HOLDER) or is_unfinished(path) for path in folder.iterdir()
    )


def _is_read_only(folder: Path) -> bool:
    return folder.is_dir() and not os.access(folder, os.W_OK)


@contextmanager
def _write_lock(folder: Path) -> Iterator[None]:
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise _in_use(folder) from error
    holder = folder / HOLDER
    try:
        remove_leftovers(folder)
        write_text(holder, json.dumps(_this_process()) + "\n")
        yield
    finally:
        with suppress(OSError):  # the folder itself may have been removed meanwhile
            holder.unlink(missing_ok=True)
        lock.release()


@contextmanager
def _read_lock(folder: Path) -> Iterator[None]:
    path = folder / LOCK
    with ExitStack() as stack:
        readable = path.is_file() and os.access(path, os.R_OK)
        if readable and not stack.enter_context(try_lock(path, shared=True)):
            raise _in_use(folder)
        yield


def _this_process() -> dict[str, str | int]:
    words = [word for word in sys.argv[1:2] if not word.startswith("-")]
    return {
        "pid": os.getpid(),
        "host": platform.node(),
        "since": now(),
        "command": " ".join(["mlc-data", *words]) if words else Path(sys.argv[0]).name,
    }


def _in_use(folder: Path) -> MlcDataError:
    return MlcDataError(
        f"{folder} is in use by another process{_holder(folder)}; wait for it, or name another --run-dir"
    )


def _holder(folder: Path) -> str:
    """Return who holds the lock, for a message; empty where it is not known."""
    try:
        who = json.loads((folder / HOLDER).read_text(encoding="utf-8"))
        return f": {who['command']}, process {who['pid']} on {who['host']}, since {who['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
