"""The folder in which a run's relative paths start."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlc_data.core.paths import PACKAGE
from mlc_data.pipeline.layout import RECIPE
from mlc_data.pipeline.run import Run


def start_folder(run: Run) -> Path | None:
    """Return the nearest folder above the run's with a file of its recipe that is missing here; None if there is none.

    A recipe's relative paths start where the command is given, so a run that is named from elsewhere does not find
    its own files.
    """
    if not (run.folder / RECIPE).is_file():
        return None
    texts = _texts(run.recipe.model_dump(mode="json", exclude={"name", "description"}))
    missing = [text for text in texts if _is_relative_path(text) and not _exists(Path(text))]
    above = run.folder.resolve().parents
    return next(
        (folder for folder in above for text in missing if _exists(folder / text)),
        None,
    )


def _is_relative_path(text: str) -> bool:
    """Return whether a text of the recipe can only be a path: a category such as `home` may name a folder, too."""
    path = Path(text)
    named = not text.startswith((PACKAGE, "~")) and not path.is_absolute()
    return named and (len(path.parts) > 1 or bool(path.suffix))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str) and value:
        yield value


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # no name that a file system has: a description, a pattern
        return False
