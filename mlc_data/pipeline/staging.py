"""Staging: outputs of a stage under temporary names until all of them are complete."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mlc_data.core.files import sync_tree
from mlc_data.core.hashing import hash_file
from mlc_data.core.outputs import replace_output
from mlc_data.pipeline.layout import place


@dataclass(frozen=True)
class Staging:
    """Temporary names for a stage's outputs, all inside ``<run>/.staging-<stage>/``.

    Attributes:
        folder: the staging folder.
        target: the run's folder.
        outputs: files and folders that the stage owns.
        stage: the stage's name.
        key: hash of everything that determines the outputs; empty for what is not a stage.
        force: True if partial results of an interrupted run must not be used.
        training: name of the training that the outputs belong to.
    """

    folder: Path
    target: Path
    outputs: tuple[str, ...]
    stage: str
    key: str = ""
    force: bool = False
    training: str | None = None

    @classmethod
    @contextmanager
    def of(
        cls,
        target: Path,
        name: str,
        outputs: Sequence[str],
        key: str = "",
        *,
        force: bool = False,
        training: str | None = None,
    ) -> Iterator[Staging]:
        """Yield an empty staging area; it is removed afterwards, also after an error."""
        folder = target / f".staging-{name}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            yield cls(folder, target, tuple(outputs), name, key, force, training)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def path(self, *parts: str) -> Path:
        """Return the temporary path of an output; its parent folder exists."""
        path = self.folder.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def hashes(self) -> dict[str, str]:
        """Force all files to disk; return SHA-256 by final path within the run's folder.

        Raises:
            RuntimeError: a file is not among the stage's outputs.
        """
        hashes: dict[str, str] = {}
        sync_tree(self.folder)
        for file in sorted(path for path in self.folder.rglob("*") if path.is_file()):
            name = file.relative_to(self.folder)
            if not any(name.is_relative_to(output) for output in self.outputs):
                raise RuntimeError(f"{name} is not among the outputs of the stage {self.stage!r}")
            hashes[place(name.as_posix(), self.training)] = hash_file(file)
        return hashes

    def publish(self, former: Collection[str] = ()) -> None:
        """Move every output to its place, replacing the old one; an output that was not made is removed.

        An output that is a link stays one: what it points to is replaced, also on another device.

        Args:
            former: files that the stage wrote before, as paths within the run's folder.
        """
        for output in self.outputs:
            name = PurePosixPath(place(output, self.training))
            known = [PurePosixPath(path) for path in former]
            inside = [str(path.relative_to(name)) for path in known if name in path.parents]
            replace_output(self.folder / output, self.target / name, inside)
