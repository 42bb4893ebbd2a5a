"""Seals of folders: the SHA-256 of every file, written last, so that what is incomplete or was harmed is noticed."""

from __future__ import annotations

import json
from pathlib import Path

from mlc_data.core.files import sync_tree, write_text
from mlc_data.core.hashing import hash_file

SEAL_FILE = "complete"
"""File written last into a folder, with the SHA-256 of all others: a folder without it is incomplete."""


def seal(folder: Path) -> None:
    """Force a folder to disk, then write `SEAL_FILE`."""
    sync_tree(folder)
    hashes = {
        path.relative_to(folder).as_posix(): hash_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != SEAL_FILE
    }
    write_text(folder / SEAL_FILE, json.dumps(hashes, indent=1) + "\n")


def damage(folder: Path) -> str | None:
    """Return how a folder differs from its seal, in words; None if it does not."""
    try:
        hashes = json.loads((folder / SEAL_FILE).read_bytes())
        if not isinstance(hashes, dict) or not hashes:
            return "it has no checksums"
        for name, digest in hashes.items():
            file = folder / name
            if not file.is_file():
                return f"{name} is missing"
            if hash_file(file) != digest:
                return f"{name} was changed"
    except (OSError, ValueError) as error:
        return f"its checksums cannot be read ({type(error).__name__})"
    return None
