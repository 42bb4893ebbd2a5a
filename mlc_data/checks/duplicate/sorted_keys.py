"""Sorted numbers in a file, searched without reading it: of a long file only one number in `BLOCK` is in memory.

Files are read, not mapped: pages of a mapping count as the process's memory for as long as they are mapped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlc_data.core.files import read_ranges

BLOCK = 64
"""Numbers of a block: one of them is in memory, the others are read where they are needed."""
AT_ONCE = 1 << 20
"""Numbers that are sorted together, about."""

Keys = NDArray[np.uint64]
Places = NDArray[np.int64]


class Column:
    """Numbers of one kind in a file, by place."""

    def __init__(self, path: Path, kind: type[np.generic]) -> None:
        self.path, self.kind = path, np.dtype(kind)

    def __len__(self) -> int:
        return self.path.stat().st_size // self.kind.itemsize

    def take(self, places: Places, number: int = 1) -> NDArray[Any]:
        """Return ``number`` values from each place on [places, number]; places have to be in the file."""
        size = self.kind.itemsize
        ranges = ((size * place, size * (place + number)) for place in places.tolist())
        read = read_ranges(self.path, ranges)
        return np.frombuffer(read, self.kind).reshape(len(places), number)

    def parts(self, number: int = AT_ONCE) -> Iterator[NDArray[Any]]:
        """Yield all values, so many at a time."""
        with self.path.open("rb") as file:
            while len(part := np.fromfile(file, self.kind, number)):
                yield part


class SortedKeys:
    """Keys (64 bits) in ascending order."""

    def __init__(self, path: Path) -> None:
        self._column = Column(path, np.uint64)
        self._number = len(self._column)
        firsts = [part[::BLOCK].copy() for part in self._column.parts(BLOCK * (AT_ONCE // BLOCK))]
        self._firsts: Keys = np.concatenate([*firsts, np.zeros(0, np.uint64)])

    def __len__(self) -> int:
        return self._number

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return int(self._firsts.nbytes)

    def take(self, places: Places) -> Keys:
        """Return the keys at some places."""
        return np.asarray(self._column.take(places)[:, 0])

    def search(self, keys: Keys, side: Literal["left", "right"] = "left") -> Places:
        """Return the places where keys would have to be put in, as `numpy.searchsorted` does."""
        if not self._number:
            return np.zeros(len(keys), np.int64)
        # Of the blocks that begin below a key, its place is in the last one, or at its end.
        block = np.maximum(np.searchsorted(self._firsts, keys, side) - 1, 0)
        blocks, which = np.unique(block, return_inverse=True)
        whole = blocks * BLOCK + BLOCK <= self._number
        values = np.full((len(blocks), BLOCK), np.iinfo(np.uint64).max)
        values[whole] = self._column.take(blocks[whole] * BLOCK, BLOCK)
        if not whole.all():  # the last block
            rest = self._number - int(blocks[-1]) * BLOCK
            values[-1, :rest] = self._column.take(blocks[-1:] * BLOCK, rest)
        found = values[which]
        below = found < keys[:, None] if side == "left" else found <= keys[:, None]
        places = block * BLOCK + below.sum(axis=1)
        before: Places = np.minimum(places, self._number).astype(np.int64)
        return before


def write_sorted(
    parts: Callable[[], Iterator[Keys]],
    number: int,
    path: Path,
    done: Callable[[Places, int], None] | None = None,
) -> None:
    """Write keys in ascending order, about `AT_ONCE` of them in memory at a time.

    Args:
        parts: reads all keys, whose upper bits are hashes; called once for each range of them.
        number: how many there are.
        path: the file.
        done: called with the positions, in ``parts``, of the keys of a range in their order (equal keys stay in
            theirs), and the place of the first.
    """
    bits = max(0, (number - 1) // AT_ONCE).bit_length()
    written = 0
    with path.open("wb") as file:
        for upper in range(1 << bits):
            keys, positions, begun = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)], 0
            for part in parts():
                inside = (
                    np.flatnonzero(part >> np.uint64(64 - bits) == upper)
                    if bits
                    else np.arange(len(part))
                )
                keys.append(part[inside])
                positions.append(inside + begun)
                begun += len(part)
            some = np.concatenate(keys)
            if done is None:
                some.sort()
                some.tofile(file)
            else:
                order = np.argsort(some, kind="stable")
                some[order].tofile(file)
                done(np.concatenate(positions)[order], written)
            written += len(some)
