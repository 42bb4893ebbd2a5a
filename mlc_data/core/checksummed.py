"""JSON records with a checksum of their own: a bit that has flipped in a count is noticed like any other damage."""

from __future__ import annotations

import json
from typing import Any

from mlc_data.core.hashing import hash_value

CHECKSUM = "checksum"
"""Key of the SHA-256 of everything else in a record."""


def with_checksum(text: str) -> str:
    """Return a record, a JSON object as text, with its checksum as the last key."""
    record: dict[str, Any] = json.loads(text)
    record.pop(CHECKSUM, None)
    checked = {**record, CHECKSUM: hash_value(record)}
    return json.dumps(checked, indent=2, ensure_ascii=False) + "\n"


def is_intact(data: bytes) -> bool:
    """Return whether a record is as it was written; one without a checksum, of an earlier version, is.

    Raises:
        ValueError: the data are no JSON object.
    """
    record = json.loads(data)
    if not isinstance(record, dict):
        raise ValueError("no JSON object")
    return CHECKSUM not in record or record.pop(CHECKSUM) == hash_value(record)
