"""Atomic, durable writes: a reader sees the old file or folder, or the new one, also after a loss of power.

A file or folder that is being written has a hidden name that ends in `PART`, and its writer holds a lock on it. One
whose lock is free was left by a process that died: it is removed by the next writer of the same name, and by
`remove_leftovers`.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mlc_data.core.exchange import exchange
from mlc_data.core.path_locks import lock_path, try_lock

PART = ".part"
"""End of the name of what is not complete yet, or is being removed."""

_TOKEN = re.compile(rf"^\..+\.[0-9a-f]{{12}}{re.escape(PART)}$")


def sync(path: Path) -> None:
    """Force a file's bytes, or a folder's names, to disk."""
    if path.is_dir() and os.name == "nt":  # Windows opens no folders
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> None:
    """Force all files of a folder, and the names in it and in its subfolders, to disk."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if not path.is_symlink():
            sync(path)
    sync(folder)


def write_text(path: Path, text: str, *, tidy: bool = True) -> None:
    """Replace a text file (UTF-8) in one step and force it to disk; see `atomic_file`."""
    with (
        atomic_file(path, tidy=tidy) as temporary,
        temporary.open("w", encoding="utf-8") as handle,
    ):
        handle.write(text)


def update_text(path: Path, text: str) -> None:
    """Write a text file as `write_text` does, unless it holds the text already."""
    if not (path.is_file() and path.read_bytes() == text.encode("utf-8")):
        write_text(path, text)


@contextmanager
def atomic_file(path: Path, *, tidy: bool = True) -> Iterator[Path]:
    """Yield an empty temporary file in the same folder; move it to ``path`` if the block ends without error.

    Args:
        path: the file.
        tidy: look for what dead writers of the file have left; leave it out in folders of very many files.
    """
    if tidy:
        _remove_unfinished(path)
    temporary = _temporary(path)
    temporary.touch()
    with lock_path(temporary):
        try:
            yield temporary
            sync(temporary)
            temporary.replace(path)
            sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path, *, replace: bool = True) -> Iterator[Path]:
    """Yield an empty temporary folder; move it to ``path`` if the block ends without error.

    Where the system can exchange two folders, there is no moment without one at ``path``.

    Args:
        path: the folder.
        replace: False keeps a folder that exists at the end, and drops the new one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_unfinished(path)
    temporary = _temporary(path)
    temporary.mkdir()
    with lock_path(temporary):
        try:
            yield temporary
            sync_tree(temporary)
            if not path.exists():
                temporary.rename(path)
            elif replace:
                exchange(temporary, path)
            sync(path.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def remove_folder(folder: Path) -> None:
    """Delete a folder, renaming it first: a part of it must not be taken for the whole."""
    if not folder.is_dir():
        return
    removed = _temporary(folder)
    folder.rename(removed)
    shutil.rmtree(removed, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Delete the unfinished files and folders that processes which died have left anywhere in a folder."""
    for place, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            if _TOKEN.match(name):
                _remove_unlocked(Path(place, name))
        folders[:] = [name for name in folders if not _TOKEN.match(name)]


def is_unfinished(path: Path) -> bool:
    """Return whether a path has the name of something that is being written or removed."""
    return bool(_TOKEN.match(path.name))


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}{PART}")


def _remove_unfinished(path: Path) -> None:
    """Delete what dead writers of the same file or folder have left."""
    with suppress(FileNotFoundError):
        for other in path.parent.iterdir():
            if other.name.startswith(f".{path.name}.") and is_unfinished(other):
                _remove_unlocked(other)


def _remove_unlocked(path: Path) -> None:
    with suppress(OSError), try_lock(path) as free:
        if not free:
            return
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def read_ranges(path: Path, ranges: Iterable[tuple[int, int]]) -> bytes:
    """Return some ranges of a file, each from its first byte up to its end (exclusive), one after the other."""
    with path.open("rb", buffering=0) as file:

        def read(begin: int, end: int) -> bytes:
            file.seek(begin)
            return file.read(end - begin)

        return b"".join([read(*one) for one in ranges])
