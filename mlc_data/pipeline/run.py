"""A run: a recipe and the folder of its results, with the lock and the manifest."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mlc_data.core.checksummed import with_checksum
from mlc_data.core.files import update_text
from mlc_data.core.manifest import Manifest, read_manifest, versions
from mlc_data.errors import RecipeError, UsageError
from mlc_data.pipeline.layout import MANIFEST, RECIPE, SUPERSEDED, TRAINING_STAGES, place
from mlc_data.pipeline.lock import folder_lock, is_free
from mlc_data.recipe.loading import dump_recipe, load_recipe
from mlc_data.recipe.recipe import Recipe
from mlc_data.recipe.sources import Source

log = logging.getLogger(__name__)

Part = Literal["prompts", "preferences", "translations", "scores", "attempts", "variants", "sets"]

_TRAINING_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Run:
    """A recipe and the folder of its run.

    Attributes:
        recipe: the recipe.
        folder: the run's folder; it need not exist yet.
        training: name of one of several trainings on the same variant sets; None for the default one.
    """

    recipe: Recipe
    folder: Path
    training: str | None = None

    @classmethod
    def of(cls, recipe: Recipe, folder: Path | None = None, training: str | None = None) -> Run:
        """Return a run without touching its folder (default ``runs/<recipe name>``).

        Raises:
            UsageError: the training's name cannot be a folder's name.
        """
        if training is not None and not _TRAINING_NAME.fullmatch(training):
            raise UsageError(
                f"--name {training}: use letters, digits, '-', '_' and '.'; it becomes a folder's name"
            )
        return cls(recipe, (folder or Path("runs") / recipe.name).expanduser(), training)

    @classmethod
    def create(
        cls,
        recipe: Recipe,
        folder: Path | None = None,
        *,
        training: str | None = None,
        force: bool = False,
    ) -> Run:
        """Make the folder and write the recipe into it; see `prepare_folder`."""
        run = cls.of(recipe, folder, training)
        run.prepare_folder(force=force)
        return run

    @classmethod
    def open(cls, folder: Path, training: str | None = None) -> Run:
        """Return an existing run.

        Raises:
            UsageError: there is no run in the folder.
        """
        if not (folder / RECIPE).is_file():
            raise UsageError(f"{folder} is not a run's folder: it has no {RECIPE}")
        run = cls.of(load_recipe(str(folder / RECIPE)), folder, training)
        return cls(run._trained_by(), folder, training)

    def prepare_folder(self, *, force: bool = False, other_sources: bool = False) -> None:
        """Make the folder and write the recipe into it; see `held`."""
        with self.held(force=force, other_sources=other_sources):
            pass

    @contextmanager
    def held(self, *, force: bool = False, other_sources: bool = False) -> Iterator[None]:
        """Make the folder, lock it, and write the recipe into it: what a command holds while it works.

        Args:
            force: take over a folder that belongs to another recipe.
            other_sources: accept other sources than before, under the same recipe name.

        Raises:
            UsageError: the folder cannot be made, holds something that is not a run, or belongs to a
                recipe with another name or other sources.
            MlcDataError: another process holds it.
        """
        self.check_folder(force=force, other_sources=other_sources)
        folder = self.folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError, PermissionError) as error:
            raise UsageError(f"cannot make the run's folder {folder}: {error.strerror}") from error
        with self.locked():
            # Another process may have been here since the folder was looked at.
            self.check_folder(force=force, other_sources=other_sources)
            self._write_recipe()
            yield

    def check_folder(self, *, force: bool = False, other_sources: bool = False) -> None:
        """Check that the folder may be used, without touching it; see `prepare_folder`.

        Raises:
            UsageError: it holds something that is not a run, or belongs to another recipe.
        """
        folder = self.folder
        known = (folder / RECIPE).exists() or (folder / MANIFEST).exists()
        if not known and folder.exists() and not is_free(folder):
            raise UsageError(f"{folder} exists and is not a run's folder: choose another --run-dir")
        if not force:
            self._check_owner(other_sources)

    def _write_recipe(self) -> None:
        """Write the recipe; that of a named training keeps the settings of the default training."""
        if self.training is not None:
            own = self.folder / "trainings" / self.training / RECIPE
            own.parent.mkdir(parents=True, exist_ok=True)
            update_text(own, dump_recipe(self.recipe))
        update_text(self.folder / RECIPE, dump_recipe(self._folder_recipe()))

    def _folder_recipe(self) -> Recipe:
        """Return the recipe of the whole folder: with the settings of the default training, where this one has a name."""
        path = self.folder / RECIPE
        if self.training is None or not path.is_file():
            return self.recipe
        return _with_training_of(self.recipe, load_recipe(str(path)))

    def _trained_by(self) -> Recipe:
        """Return the recipe with the settings that the named training was made with."""
        own = self.folder / "trainings" / (self.training or "") / RECIPE
        if self.training is None or not own.is_file():
            return self.recipe
        return _with_training_of(self.recipe, load_recipe(str(own)))

    def _check_owner(self, other_sources: bool) -> None:
        path = self.folder / RECIPE
        if not path.is_file():
            return
        way_out = "name another --run-dir, or use --force to take the folder over"
        try:
            former = load_recipe(str(path))
        except RecipeError as error:
            raise UsageError(
                f"{path} cannot be read as a recipe of this version, so the folder may belong to another "
                f"run: {way_out}\n{error}"
            ) from error
        if former.name != self.recipe.name:
            raise UsageError(
                f"{self.folder} belongs to the recipe {former.name!r}, not to {self.recipe.name!r}: {way_out}"
            )
        for name in ("prompts", "preferences"):
            before, now = (_location(getattr(each.sources, name)) for each in (former, self.recipe))
            if before != now and not other_sources:
                raise UsageError(
                    f"{self.folder} was made from other sources: sources.{name} was {before}, now it is "
                    f"{now}: {way_out}"
                )

    def path(self, *parts: str) -> Path:
        """Return a path within the folder; outputs of a training are those of this training."""
        return self.folder / place("/".join(parts), self.training)

    def superseded(self, stage: str) -> Path:
        """Return the file with a stage's superseded results."""
        own = self.training if stage in TRAINING_STAGES else None
        return self.folder.joinpath(SUPERSEDED, *([own] if own else []), f"{stage}.json")

    @property
    def manifest(self) -> Manifest:
        """The manifest as it is on disk now, with the results of this training."""
        whole = read_manifest(self.folder / MANIFEST)
        return whole if self.training is None else whole.of_training(self.training, TRAINING_STAGES)

    def store(self, manifest: Manifest) -> None:
        """Replace the manifest on disk."""
        if self.training is not None:
            whole = read_manifest(self.folder / MANIFEST)
            manifest = whole.with_training(self.training, manifest, TRAINING_STAGES)
        manifest.name = self.recipe.name
        manifest.recipe_hash = self._folder_recipe().hash
        manifest.versions = versions()
        update_text(self.folder / MANIFEST, with_checksum(manifest.model_dump_json()))

    def trainings(self) -> Sequence[str | None]:
        """Return the names of all trainings in the folder; None is the default one."""
        return (None, *read_manifest(self.folder / MANIFEST).trainings)

    def content_hash(self, part: Part) -> str:
        """Return the content hash of an earlier stage's table.

        Raises:
            UsageError: that stage has not been run.
        """
        value: str | None = getattr(self.manifest.content_hash, part)
        if value is None:
            raise UsageError(f"{self.folder} has no {part} yet: run the stage before this one")
        return value

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder for this process; may be nested. See `folder_lock`.

        Raises:
            MlcDataError: another process holds it.
        """
        with folder_lock(self.folder):
            yield

    def recipe_was_edited(self) -> bool:
        """Return whether the recipe in the folder is no longer the one that this run works with."""
        try:
            return type(self).open(self.folder, self.training).recipe.hash != self.recipe.hash
        except UsageError:
            return True


def _location(source: Source | None) -> str:
    """Return the location of a source, for comparison and messages."""
    if source is None:
        return "none"
    if source.paths:
        return ", ".join(source.paths)
    return "/".join(part for part in (source.hub, source.config, source.split) if part)


def _with_training_of(recipe: Recipe, other: Recipe) -> Recipe:
    """Return a recipe with the sections of another one that only a training reads."""
    return recipe.model_copy(update={"align": other.align, "evaluate": other.evaluate})
