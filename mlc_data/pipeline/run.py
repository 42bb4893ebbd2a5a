"""A run's folder: atomic writes, stages that know when they are done, and the lock.

A stage writes into temporary names beside its outputs; only when all of it is on disk are they
renamed into place, and only after that does the manifest say that the stage is done. Whatever
happens in between, nothing half-written is ever taken for whole.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import polars as pl

from mlc_data.core.hashing import hash_file, hash_value
from mlc_data.core.manifest import (
    ContentHash,
    Counts,
    Manifest,
    ModelRecord,
    StageRecord,
    now,
    read_manifest,
    versions,
)
from mlc_data.errors import MlcDataError, UsageError
from mlc_data.recipe.loading import dump_recipe, load_recipe
from mlc_data.recipe.recipe import Recipe

log = logging.getLogger(__name__)

# What each stage writes into the manifest: it goes when the stage's outputs no longer hold.
_OWNED: Mapping[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "sources": (("prompts", "preferences"), ("prompts", "preferences"), ()),
    "translate": ((), ("translations",), ()),
    "score": ((), ("scores",), ()),
    "rescue": ((), ("attempts",), ()),
    "check": (("variants", "by_language"), ("variants",), ()),
    "sets": (("sets",), ("sets",), ()),
    "align": ((), (), ()),
    "evaluate": ((), (), ("before", "after")),
    "safety": ((), (), ("safety",)),
    "utility": ((), (), ("utility",)),
}

_held: set[Path] = set()

Part = Literal["prompts", "preferences", "translations", "scores", "attempts", "variants", "sets"]


@dataclass(frozen=True)
class Outcome:
    """What a stage hands to the manifest.

    ``counts`` and ``content_hash`` hold the manifest's keys that this stage owns.
    """

    counts: Mapping[str, Any] = field(default_factory=dict)
    content_hash: Mapping[str, str] = field(default_factory=dict)
    models: Mapping[str, ModelRecord] = field(default_factory=dict)
    results: Mapping[str, Any] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """A recipe and the folder that its run lives in."""

    recipe: Recipe
    folder: Path

    @classmethod
    def create(cls, recipe: Recipe, folder: Path | None = None) -> Run:
        """Make the folder (default ``runs/<recipe name>``) and write the recipe into it.

        Raises:
            UsageError: the folder cannot be made, or holds something that is not a run.
        """
        folder = (folder or Path("runs") / recipe.name).expanduser()
        known = (folder / "recipe.yaml").exists() or (folder / "manifest.json").exists()
        if folder.exists() and not known and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"{folder} exists and is not a run's folder: choose another --run-dir")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError, PermissionError) as error:
            raise UsageError(f"cannot make the run's folder {folder}: {error.strerror}") from error
        run = cls(recipe, folder)
        with run.locked():
            write_text(folder / "recipe.yaml", dump_recipe(recipe))
        return run

    @classmethod
    def open(cls, folder: Path) -> Run:
        """An existing run.

        Raises:
            UsageError: there is no run in the folder.
        """
        if not (folder / "recipe.yaml").is_file():
            raise UsageError(f"{folder} is no run's folder: it has no recipe.yaml")
        return cls(load_recipe(str(folder / "recipe.yaml")), folder)

    def path(self, *parts: str) -> Path:
        """A path within the folder."""
        return self.folder.joinpath(*parts)

    @property
    def manifest(self) -> Manifest:
        """The manifest as it is on disk now."""
        return read_manifest(self.path("manifest.json"))

    def content_hash(self, part: Part) -> str:
        """The content hash of an earlier stage's table.

        Raises:
            UsageError: that stage has not been run.
        """
        value: str | None = getattr(self.manifest.content_hash, part)
        if value is None:
            raise UsageError(f"{self.folder} has no {part} yet: run the stage before this one")
        return value

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for this process; may be nested.

        Raises:
            MlcDataError: another process holds it.
        """
        folder = self.folder.resolve()
        if folder in _held:
            yield
            return
        with self.path(".lock").open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise MlcDataError(
                    f"{self.folder} is in use by another process; wait for it, or name another "
                    "--run-dir"
                ) from error
            _held.add(folder)
            try:
                yield
            finally:
                _held.discard(folder)

    def forget(self, *names: str) -> None:
        """Take stages out of the manifest, with their counts, hashes and results."""
        manifest = self.manifest
        for name in names:
            manifest.stages.pop(name, None)
            counts, hashes, results = _OWNED.get(name, ((), (), ()))
            for key in counts:
                setattr(manifest.counts, key, None)
            for key in hashes:
                setattr(manifest.content_hash, key, None)
            for key in results:
                manifest.results.pop(key, None)
        self._store(manifest)

    def stage(
        self,
        name: str,
        key: Mapping[str, Any],
        outputs: Sequence[str],
        work: Callable[[Staging], Outcome],
        *,
        force: bool = False,
    ) -> bool:
        """Do one stage, unless its outputs are there already and everything behind them is equal.

        Args:
            name: the stage's name in the manifest.
            key: everything that determines the outputs, as JSON-able values.
            outputs: files and folders within the run's folder that the stage owns.
            work: makes the outputs in the given staging area.
            force: do it even if nothing has changed.

        Returns:
            Whether the stage was reused.
        """
        digest = hash_value(key)
        shards = shards_folder(self.folder, name)
        if force:
            # Only what is to be done again: caches of workers on other machines lie beside it.
            for part in shards.glob("*/part-*"):
                part.unlink()
        elif self._is_done(name, digest):
            log.info("%s: unchanged, reused", name)
            self._store(self.manifest)
            return True
        begun = time.perf_counter()
        with Staging.of(self.folder, name, outputs, digest) as staging:
            outcome = work(staging)
            # Until here the former outputs were whole; from here on they are being replaced.
            self.forget(name)
            written = staging.publish()
        seconds = round(time.perf_counter() - begun, 2)
        manifest = self.manifest
        manifest.stages[name] = StageRecord(
            key=digest,
            seconds=seconds,
            finished=now(),
            outputs=written,
            versions=versions(),
            notes=dict(outcome.notes),
        )
        manifest.models.update(outcome.models)
        manifest.results.update(outcome.results)
        manifest.counts = Counts.model_validate(
            {**manifest.counts.model_dump(exclude_none=True), **outcome.counts}
        )
        manifest.content_hash = ContentHash.model_validate(
            {**manifest.content_hash.model_dump(exclude_none=True), **outcome.content_hash}
        )
        self._store(manifest)
        shutil.rmtree(shards, ignore_errors=True)
        log.info("%s: done in %.1f s", name, seconds)
        return False

    def _is_done(self, name: str, key: str) -> bool:
        record = self.manifest.stages.get(name)
        if record is None or record.key != key:
            return False
        for relative, digest in record.outputs.items():
            path = self.path(relative)
            if not path.is_file() or hash_file(path) != digest:
                log.warning("%s: %s is missing or was changed; doing the stage again", name, path)
                return False
        return True

    def _store(self, manifest: Manifest) -> None:
        manifest.name = self.recipe.name
        manifest.recipe_hash = self.recipe.hash
        manifest.versions = versions()
        write_text(self.path("manifest.json"), manifest.model_dump_json(indent=2) + "\n")


@dataclass(frozen=True)
class Staging:
    """Temporary names for a stage's outputs, all inside ``<run>/.staging-<stage>/``.

    ``key`` is a hash of all that determines the outputs; empty for what is no stage.
    """

    folder: Path
    target: Path
    outputs: tuple[str, ...]
    stage: str
    key: str

    @classmethod
    @contextmanager
    def of(
        cls, target: Path, name: str, outputs: Sequence[str], key: str = ""
    ) -> Iterator[Staging]:
        """An empty staging area, removed afterwards whatever happens."""
        folder = target / f".staging-{name}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            yield cls(folder, target, tuple(outputs), name, key)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def path(self, *parts: str) -> Path:
        """The temporary path for an output; its parent folder exists."""
        path = self.folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def publish(self) -> dict[str, str]:
        """Put every output in its place, replacing the old one; returns path to SHA-256."""
        written: dict[str, str] = {}
        for file in sorted(path for path in self.folder.rglob("*") if path.is_file()):
            sync(file)
            written[file.relative_to(self.folder).as_posix()] = hash_file(file)
        for output in self.outputs:
            new, old = self.folder / output, self.target / output
            if old.is_dir():
                shutil.rmtree(old)
            elif old.exists():
                old.unlink()
            if new.exists():
                old.parent.mkdir(parents=True, exist_ok=True)
                new.rename(old)
        left = [path for path in self.folder.rglob("*") if path.is_file()]
        if left:
            raise RuntimeError(f"not among the stage's outputs: {left}")
        return written


def shards_folder(run: Path, stage: str) -> Path:
    """Where the shards of a stage lie until it is done, within a run's folder; see `mlc_data.pipeline.sharding`."""
    return run / f".shards-{stage}"


def sync(path: Path) -> None:
    """Force a file's bytes to disk."""
    with path.open("rb") as handle:
        os.fsync(handle.fileno())


def write_text(path: Path, text: str) -> None:
    """Replace a file in one step: readers see the old text or the new, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as handle:
            handle.write(text)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_table(path: Path, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """A Parquet file, or all the files of a folder, checked against the schema.

    Raises:
        MlcDataError: columns differ from the schema.
    """
    source = path / "*.parquet" if path.is_dir() else path
    return with_schema(pl.read_parquet(source), schema, str(path))


def write_table(frame: pl.DataFrame, path: Path, schema: Mapping[str, pl.DataType]) -> None:
    """Write Parquet (zstd) with exactly the schema's columns."""
    with_schema(frame, schema, str(path)).write_parquet(path, compression="zstd")


def with_schema(frame: pl.DataFrame, schema: Mapping[str, pl.DataType], where: str) -> pl.DataFrame:
    """The frame, if it has exactly the schema.

    Raises:
        MlcDataError: it has not; names the columns that differ.
    """
    if dict(frame.schema) != dict(schema):
        found, wanted = set(frame.schema.items()), set(schema.items())
        raise MlcDataError(
            f"{where}: columns are not as they should be. Unexpected: {sorted(map(str, found - wanted))}; "
            f"missing: {sorted(map(str, wanted - found))}"
        )
    return frame
