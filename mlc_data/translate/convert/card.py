"""What a model's own files say about it: its licence, and its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from mlc_data.core.hashing import hash_file

UNKNOWN = "unknown"
"""The licence of a model whose card names none: it is never guessed."""

# The Hub writes licences in small letters; SPDX identifiers are these.
_SPDX = {"mit": "MIT", "apache-2.0": "Apache-2.0", "gpl-3.0": "GPL-3.0-only"}


def licence(folder: Path) -> str:
    """The licence in the head of the model card (``README.md``), as SPDX writes it; else `UNKNOWN`.

    Several are joined by `` AND ``. A licence of the card's own (``license: other``) is given by
    the name that the card has for it.
    """
    head = _head(folder / "README.md")
    named = head.get("license")
    if named == "other":
        named = head.get("license_name")
    several = named if isinstance(named, list) else [named]
    found = [_spdx(str(one)) for one in several if one]
    return " AND ".join(found) or UNKNOWN


def _spdx(name: str) -> str:
    folded = name.strip().lower()
    return _SPDX.get(folded, folded.upper() if folded.startswith("cc") else name.strip())


def _head(card: Path) -> dict[str, Any]:
    """The YAML between the first two lines of three dashes; empty where there is none."""
    if not card.is_file():
        return {}
    lines = card.read_text(encoding="utf-8", errors="replace").splitlines()
    if not lines or lines[0].strip() != "---":
        return {}
    end = next((number for number, line in enumerate(lines[1:], 1) if line.strip() == "---"), 0)
    try:
        head = yaml.safe_load("\n".join(lines[1:end]))
    except yaml.YAMLError:
        return {}  # a card that cannot be read names no licence, and that is what is written
    return head if isinstance(head, dict) else {}


def weights_hash(files: Iterable[Path]) -> str:
    """SHA-256 (hexadecimal) over the names and bytes of weight files, in order of their names."""
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(f"{file.name} {hash_file(file)}\n".encode())
    return digest.hexdigest()
