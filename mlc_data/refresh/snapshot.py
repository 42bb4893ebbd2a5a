"""The state before a refresh, kept until the refresh has finished.

It is in ``.refresh-<hash of its manifest>`` in the run's folder, as hard links where the file system has them:
stages replace files and never write into one. While the folder exists, a refresh is unfinished: one that was
killed continues, and compares with the same state.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mlc_data.core.files import sync, sync_tree
from mlc_data.core.hashing import hash_file, hash_value
from mlc_data.core.manifest import Manifest, read_manifest
from mlc_data.core.parquet import read_table, write_table
from mlc_data.core.records import SETS
from mlc_data.errors import MlcDataError
from mlc_data.pipeline.run import Run
from mlc_data.refresh.record import SET_HASHES

COMPARED = ("sources", "check", "sets")
"""Stages whose outputs are compared."""

FOLDER = "refresh"
"""Folder of a refresh's results, in the run's folder."""

TRAINED = "trained.parquet"
"""Table of the sets that the checkpoint was trained on, in `FOLDER` and in a snapshot."""

_NAME, _PART, _DIGITS = ".refresh-", ".part", 12


@dataclass(frozen=True)
class Snapshot:
    """A former state of a run: its manifest, its recipe, and the outputs of the stages `COMPARED`.

    ``complete`` is False where there was no finished build; then the folder holds no tables.
    """

    folder: Path
    complete: bool

    @property
    def manifest(self) -> Manifest:
        """Return the manifest of the former state."""
        return read_manifest(self.folder / "manifest.json")

    def trained(self) -> pl.DataFrame | None:
        """Return `SET_HASHES` of the sets that the checkpoint was trained on; None if none ever was."""
        path = self.folder / TRAINED
        return read_table(path, SET_HASHES) if path.exists() else None

    def remove(self) -> None:
        """Delete the snapshot, renaming it first: a partly deleted one must not be taken for a snapshot."""
        part = self.folder.with_name(self.folder.name + _PART)
        shutil.rmtree(part, ignore_errors=True)
        self.folder.rename(part)
        shutil.rmtree(part)


def find(run: Run) -> Snapshot | None:
    """Return the snapshot of an unfinished refresh, if any.

    Raises:
        MlcDataError: one of its files is missing or was changed.
    """
    folders = [path for path in sorted(run.folder.glob(f"{_NAME}*")) if path.suffix != _PART]
    if not folders:
        return None
    folder = folders[0]
    manifest = read_manifest(folder / "manifest.json")
    complete = _is_finished(manifest)
    if complete:
        _verify(
            folder, manifest, f"the refresh cannot continue. Remove {folder} to begin a new one"
        )
    return Snapshot(folder, complete)


def take(run: Run) -> Snapshot:
    """Snapshot the run's present state.

    Raises:
        MlcDataError: a file is not as the manifest says, so it cannot be compared.
    """
    manifest = run.manifest
    complete = _is_finished(manifest)
    digest = hash_value(manifest.model_dump(mode="json"))[:_DIGITS]
    folder = run.path(f"{_NAME}{digest}")
    part = folder.with_name(folder.name + _PART)
    for leftover in run.folder.glob(f"{_NAME}*{_PART}"):
        shutil.rmtree(leftover)
    if complete:
        _verify(
            run.folder, manifest,
            f"there is nothing to compare with. Bring the run up to date first: mlc-data sets {run.folder}",
        )  # fmt: skip
    part.mkdir()
    stages = COMPARED if complete else ()
    outputs = [relative for name in stages for relative in manifest.stages[name].outputs]
    for relative in ("manifest.json", "recipe.yaml", *outputs):
        if run.path(relative).exists():
            _link(run.path(relative), part / relative)
    if complete and "align" in manifest.stages:
        write_table(set_hashes(run.folder), part / TRAINED, SET_HASHES)
        sync(part / TRAINED)
    elif run.path(FOLDER, TRAINED).exists():
        _link(run.path(FOLDER, TRAINED), part / TRAINED)
    sync_tree(part)
    part.rename(folder)
    sync(run.folder)
    return Snapshot(folder, complete)


def set_hashes(folder: Path) -> pl.DataFrame:
    """Return `SET_HASHES` of the variant sets in a run's folder or a snapshot."""
    rows = [
        (row["prompt_id"], hash_value(row))
        for file in sorted((folder / "sets").glob("*.parquet"))
        for row in read_table(file, SETS).iter_rows(named=True)
    ]
    return pl.DataFrame(rows, schema=SET_HASHES, orient="row")


def _is_finished(manifest: Manifest) -> bool:
    return all(name in manifest.stages for name in COMPARED)


def _verify(folder: Path, manifest: Manifest, consequence: str) -> None:
    for name in COMPARED:
        for relative, digest in manifest.stages[name].outputs.items():
            path = folder / relative
            if not path.is_file() or hash_file(path) != digest:
                raise MlcDataError(
                    f"{path} is missing or was changed since the stage {name!r} wrote it: {consequence}"
                )


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:  # this file system has no hard links
        shutil.copyfile(source, target)
        sync(target)
