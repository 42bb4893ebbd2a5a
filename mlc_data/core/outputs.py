"""Putting finished files and folders in the place of former ones, also where that place is a link."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Collection
from pathlib import Path, PurePosixPath

from mlc_data.core.files import atomic_file, atomic_folder, sync


def replace_output(new: Path, old: Path, former: Collection[str] = ()) -> None:
    """Move a file or folder to its place; where there is no new one, the old one is removed.

    A link at the place stays. What it points to is replaced, whatever device it is on; of a folder, only the files
    that are known, so that nothing is lost that somebody else has put there.

    Args:
        new: the file or folder; it may not exist.
        old: its place.
        former: files of the old folder that may be removed, relative to it.
    """
    if old.is_symlink():
        _replace_behind_link(new, old.resolve(), former)
        return
    if old.is_dir():
        shutil.rmtree(old)
    else:
        old.unlink(missing_ok=True)
    if not new.exists():
        return
    parent = old.parent.resolve()
    parent.mkdir(parents=True, exist_ok=True)
    try:
        new.rename(old)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(new, old)
    sync(parent)


def _replace_behind_link(new: Path, target: Path, former: Collection[str]) -> None:
    for name in former:
        if ".." not in PurePosixPath(name).parts:
            (target / name).unlink(missing_ok=True)
    if new.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        _copy(new, target)
    elif new.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        for file in sorted(path for path in new.rglob("*") if path.is_file()):
            place = target / file.relative_to(new)
            place.parent.mkdir(parents=True, exist_ok=True)
            _copy(file, place)
    elif target.is_file():
        target.unlink()


def _copy(new: Path, place: Path) -> None:
    if new.is_dir():
        with atomic_folder(place) as temporary:
            shutil.copytree(new, temporary, dirs_exist_ok=True)
    else:
        with atomic_file(place) as temporary:
            shutil.copyfile(new, temporary)
