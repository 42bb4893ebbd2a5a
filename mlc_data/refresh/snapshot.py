"""The state before a refresh, put aside until the refresh has ended.

It lies in ``.refresh-<hash of its manifest>`` within the run's folder, as hard links where the file system has
them: a stage replaces files and never writes into one. While the folder is there, a refresh is under way: one
that was killed goes on, and compares with the same state.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mlc_data.core.files import sync
from mlc_data.core.hashing import hash_file, hash_value
from mlc_data.core.manifest import Manifest, read_manifest
from mlc_data.core.parquet import read_table, write_table
from mlc_data.core.records import SETS
from mlc_data.errors import MlcDataError
from mlc_data.pipeline.run import Run
from mlc_data.refresh.tables import SET_HASHES

COMPARED = ("sources", "check", "sets")
"""Stages whose outputs are compared."""

FOLDER = "refresh"
"""Where a refresh leaves what it found, within the run's folder."""

TRAINED = "trained.parquet"
"""The sets that the checkpoint was trained on, within `FOLDER` and within a snapshot."""

_NAME, _PART, _DIGITS = ".refresh-", ".part", 12


@dataclass(frozen=True)
class Snapshot:
    """A run as it was: its manifest, its recipe, and the outputs of the stages `COMPARED`.

    ``complete`` is False where no finished build was there; then the folder holds no tables.
    """

    folder: Path
    complete: bool

    @property
    def manifest(self) -> Manifest:
        """Of the state before."""
        return read_manifest(self.folder / "manifest.json")

    def trained(self) -> pl.DataFrame | None:
        """`SET_HASHES` of the sets that the checkpoint was trained on; None where none ever was."""
        path = self.folder / TRAINED
        return read_table(path, SET_HASHES) if path.exists() else None

    def remove(self) -> None:
        """The refresh has ended. A part of a snapshot is never taken for one, so the name goes first."""
        part = self.folder.with_name(self.folder.name + _PART)
        shutil.rmtree(part, ignore_errors=True)
        self.folder.rename(part)
        shutil.rmtree(part)


def find(run: Run) -> Snapshot | None:
    """The snapshot of a refresh that has not ended.

    Raises:
        MlcDataError: a file of it is missing or was changed.
    """
    found = [path for path in sorted(run.folder.glob(f"{_NAME}*")) if path.suffix != _PART]
    if not found:
        return None
    folder = found[0]
    manifest = read_manifest(folder / "manifest.json")
    complete = _is_finished(manifest)
    if complete:
        _verify(folder, manifest, f"the refresh cannot go on. Remove {folder} to begin a new one")
    return Snapshot(folder, complete)


def take(run: Run) -> Snapshot:
    """Put the run's present state aside.

    Raises:
        MlcDataError: a file is not as the manifest says, so nothing can be compared with it.
    """
    manifest = run.manifest
    complete = _is_finished(manifest)
    digest = hash_value(manifest.model_dump(mode="json"))[:_DIGITS]
    folder = run.path(f"{_NAME}{digest}")
    part = folder.with_name(folder.name + _PART)
    for left in run.folder.glob(f"{_NAME}*{_PART}"):
        shutil.rmtree(left)
    if complete:
        _verify(
            run.folder, manifest,
            f"there is nothing to compare with. Bring the run up to date first: mlc-data sets {run.folder}",
        )  # fmt: skip
    part.mkdir()
    kept = [name for name in COMPARED if complete]
    outputs = [relative for name in kept for relative in manifest.stages[name].outputs]
    for relative in ("manifest.json", "recipe.yaml", *outputs):
        if run.path(relative).exists():
            _link(run.path(relative), part / relative)
    if complete and "align" in manifest.stages:
        write_table(set_hashes(run.folder), part / TRAINED, SET_HASHES)
        sync(part / TRAINED)
    elif run.path(FOLDER, TRAINED).exists():
        _link(run.path(FOLDER, TRAINED), part / TRAINED)
    part.rename(folder)
    return Snapshot(folder, complete)


def set_hashes(folder: Path) -> pl.DataFrame:
    """`SET_HASHES` of the variant sets in a run's folder or a snapshot."""
    rows = [
        (row["prompt_id"], hash_value(row))
        for file in sorted((folder / "sets").glob("*.parquet"))
        for row in read_table(file, SETS).iter_rows(named=True)
    ]
    return pl.DataFrame(rows, schema=SET_HASHES, orient="row")


def _is_finished(manifest: Manifest) -> bool:
    return all(name in manifest.stages for name in COMPARED)


def _verify(folder: Path, manifest: Manifest, then: str) -> None:
    for name in COMPARED:
        for relative, digest in manifest.stages[name].outputs.items():
            path = folder / relative
            if not path.is_file() or hash_file(path) != digest:
                raise MlcDataError(
                    f"{path} is missing or was changed since the stage {name!r} wrote it: {then}"
                )


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:  # this file system has no hard links
        shutil.copyfile(source, target)
        sync(target)
