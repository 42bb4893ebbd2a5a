"""Revisions of models: what says that two are the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mlc_data.core.hashing import hash_file, hash_value
from mlc_data.core.paths import is_hub_id, snapshot_commit

REVISION_LENGTH = 16
"""Characters of a hash that stands for a model without a commit."""


def revision_of(
    path: Path, location: str, patterns: Sequence[str] = ("*.safetensors", "*.json", "*.model")
) -> str:
    """Return the commit of a Hub snapshot, or a hash of the files that determine what a model does.

    Args:
        path: the model's folder or GGUF file.
        location: as the recipe names it.
        patterns: of the files in a folder that are hashed, relative to it.
    """
    if path.is_file():
        return hash_file(path)[:REVISION_LENGTH]
    if is_hub_id(location):
        return snapshot_commit(path)
    files = sorted({file for pattern in patterns for file in path.glob(pattern)})
    return hash_value({str(file.relative_to(path)): hash_file(file) for file in files})[
        :REVISION_LENGTH
    ]
