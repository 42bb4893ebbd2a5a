"""The license in the head of a model card (``README.md``)."""

from __future__ import annotations

import logging
from pathlib import Path

from mlc_data.core.yaml_text import YamlError, read_yaml

log = logging.getLogger(__name__)

UNKNOWN = "unknown"
"""License of a model whose card names none: it is never guessed."""

# The Hub writes licenses in small letters; these are their SPDX identifiers.
_SPDX = {"mit": "MIT", "apache-2.0": "Apache-2.0", "gpl-3.0": "GPL-3.0-only"}


def read_license(folder: Path) -> str:
    """Return the license in a model folder's card as an SPDX identifier; `UNKNOWN` if there is none.

    Several are joined by `` AND ``. A license of the card's own (``license: other``) has the name that the
    card gives it.
    """
    head = _head(folder / "README.md")
    names = [
        own
        for name in _several(head.get("license"))
        for own in (_several(head.get("license_name")) or [UNKNOWN] if name == "other" else [name])
    ]
    return " AND ".join(dict.fromkeys(spdx(name) for name in names if name)) or UNKNOWN


def _several(value: object) -> list[str]:
    """Return the names in a field that holds one, a list of them, or none."""
    values = value if isinstance(value, list) else [value]
    return [str(name).strip() for name in values if name]


def spdx(name: str) -> str:
    """Return the SPDX identifier of a license that is written as the Hub writes it."""
    folded = name.strip().lower()
    return _SPDX.get(folded, folded.upper() if folded.startswith("cc") else name.strip())


def _head(card: Path) -> dict[str, object]:
    """The YAML between the first two lines of three dashes; empty if there is none."""
    if not card.is_file():
        return {}
    first, *lines = card.read_text(encoding="utf-8-sig", errors="replace").splitlines() or [""]
    if first.strip() != "---":
        return {}
    end = next((number for number, line in enumerate(lines) if line.strip() == "---"), 0)
    try:
        head = read_yaml("\n".join(lines[:end]))
    except YamlError:
        log.warning("%s: its head is not YAML, so the license is unknown", card)
        return {}
    return head if isinstance(head, dict) else {}
