"""Stable hashes: ids, stage keys and content hashes are all made here."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

PROMPT_ID_LENGTH = 16
"""Hexadecimal digits of a prompt id (64 bits: a collision is expected near 4 billion prompts)."""


def canonical_json(value: Any) -> str:
    """Return JSON with sorted keys and no white space, so that equal values give equal text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def hash_value(value: Any) -> str:
    """Return the SHA-256 (hexadecimal) of a JSON-able value's canonical form."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()


PART_LENGTH = 12
"""Hexadecimal digits of the hash of a key's part: it only has to tell two values of the same part apart."""


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the dotted name and the value of everything in nested mappings; an empty mapping is a value."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name, value


def hash_parts(value: Mapping[str, Any]) -> dict[str, str]:
    """Return a short hash of each of the `leaves`, by its dotted name."""
    return {name: hash_value(part)[:PART_LENGTH] for name, part in leaves(value)}


def hash_file(path: Path) -> str:
    """Return the SHA-256 (hexadecimal) of a file's bytes, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while piece := handle.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


class RowsHash:
    """Content hash of a table, computed row by row or shard by shard in constant memory.

    It depends on the rows alone, not on their order or on file layout: the sum of the rows' SHA-256,
    modulo 2^256, and their number.
    """

    def __init__(self) -> None:
        self._sum, self._count = 0, 0

    def add_row(self, row: Any) -> None:
        """Add one row: any JSON-able value."""
        text = canonical_json(row).encode("utf-8", "surrogatepass")
        self._sum += int.from_bytes(hashlib.sha256(text).digest(), "big")
        self._count += 1

    def add(self, other: RowsHash) -> None:
        """Add the rows of another table or shard."""
        self._sum += other._sum
        self._count += other._count

    def state(self) -> tuple[str, int]:
        """Return the state (JSON-able), from which `of_state` restores the hash in another process."""
        return f"{self._sum % 2**256:064x}", self._count

    @classmethod
    def of_state(cls, state: Sequence[Any]) -> RowsHash:
        """Return the hash with a `state`."""
        total = cls()
        total._sum, total._count = int(state[0], 16), int(state[1])
        return total

    def hexdigest(self) -> str:
        """Return the hash: 64 hexadecimal digits."""
        return hash_value(list(self.state()))


def hash_rows(rows: Iterable[Any]) -> str:
    """Return the content hash of a table that is in memory as a whole; see `RowsHash`."""
    total = RowsHash()
    for row in rows:
        total.add_row(row)
    return total.hexdigest()


def normalise(text: str) -> str:
    """Return the text as compared for duplicates: Unicode NFC, case folded, runs of white space as one blank."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def prompt_id(text: str, context: Iterable[tuple[str, str]] = ()) -> str:
    """Return the stable id of an English prompt: the start of the SHA-256 of its normalised text.

    Turns before it (role and text) make it another prompt.
    """
    turns = [f"{role}: {normalise(said)}" for role, said in context]
    parts = "\0".join([*turns, normalise(text)])
    digest = hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()
    return digest[:PROMPT_ID_LENGTH]
