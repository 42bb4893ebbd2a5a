"""Saved steps of a training: complete and durable once sealed, and not gone on from where they were harmed."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from mlc_data.core.files import remove_folder, sync_tree, write_text
from mlc_data.core.hashing import hash_file

log = logging.getLogger(__name__)

COMPLETE_FILE = "complete"
"""File written last into a training checkpoint, with the SHA-256 of all others: one without it is incomplete."""


def step_of(checkpoint: Path) -> int:
    """Return the step after which a training checkpoint was saved."""
    return int(checkpoint.name.rpartition("-")[2])


def last_complete(folder: Path) -> Path | None:
    """Return the newest complete training checkpoint in a folder, if any."""
    complete = [path.parent for path in folder.glob(f"checkpoint-*/{COMPLETE_FILE}")]
    return max(complete, key=step_of, default=None)


def seal(checkpoint: Path) -> None:
    """Force a training checkpoint to disk, then write `COMPLETE_FILE`."""
    sync_tree(checkpoint)
    hashes = {
        path.relative_to(checkpoint).as_posix(): hash_file(path)
        for path in sorted(checkpoint.rglob("*"))
        if path.is_file() and path.name != COMPLETE_FILE
    }
    write_text(checkpoint / COMPLETE_FILE, json.dumps(hashes, indent=1) + "\n")


def remove_damaged(folder: Path) -> None:
    """Remove training checkpoints that are incomplete or not as they were sealed, and say so."""
    for checkpoint in sorted(folder.glob("checkpoint-*")):
        if not (checkpoint / COMPLETE_FILE).is_file():
            remove_folder(checkpoint)
        elif (damage := _damage(checkpoint)) is not None:
            log.warning(
                "align: the saved step %s is not used: %s; training resumes from an earlier one, or starts over",
                checkpoint, damage,
            )  # fmt: skip
            remove_folder(checkpoint)


def _damage(checkpoint: Path) -> str | None:
    """Return how a training checkpoint differs from its seal; None if it does not."""
    try:
        hashes = json.loads((checkpoint / COMPLETE_FILE).read_bytes())
        if not isinstance(hashes, dict) or not hashes:
            return "it has no checksums"
        for name, digest in hashes.items():
            file = checkpoint / name
            if not file.is_file():
                return f"{name} is missing"
            if hash_file(file) != digest:
                return f"{name} was changed"
    except (OSError, ValueError) as error:
        return f"its checksums cannot be read ({type(error).__name__})"
    return None
