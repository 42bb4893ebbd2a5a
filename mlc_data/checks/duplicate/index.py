"""Index of variants that may be alike: numbers alone, no texts."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mlc_data.checks.duplicate.shingles import BANDS, Signatures

MOST = 8
"""Greatest number of others that a variant is compared with: those that share most numbers, and of large
groups a sample that is spread evenly over the group."""

_SMALL = 4096  # bytes

Keys = NDArray[np.uint64]
Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Index:
    """Sorted numbers of `shingles.Signatures`: 76 bytes a variant.

    Attributes:
        bands: for each band its numbers, each with a place in `texts` (32 bits each). Places follow from the texts
            alone, so that the choice of `candidates` does not depend on the order of the rows.
        texts: numbers of whole texts, each with that of its prompt (32 bits each).
        rows: the rows of `texts`.
        scores: scores of the variants themselves, in the order of `texts`; see `known`.
        prompts: number of the prompt by row.
    """

    bands: tuple[Keys, ...]
    texts: Keys
    rows: NDArray[np.uint32]
    scores: NDArray[np.float32]
    prompts: NDArray[np.uint32]

    @classmethod
    def build(cls, parts: Iterable[Signatures]) -> Index:
        """Return the index of all variants, given in order."""
        # Grown in place: lists of small arrays would fragment the heap.
        bands = [array("I") for _ in range(BANDS)]
        texts, prompts, filled = array("I"), array("I"), array("B")
        for part in parts:
            for band, column in zip(bands, part.bands.T, strict=True):
                band.frombytes(column.tobytes())
            texts.frombytes(part.texts.tobytes())
            prompts.frombytes(part.prompts.tobytes())
            filled.frombytes(part.any.tobytes())
        some = np.flatnonzero(np.frombuffer(filled, np.bool_)).astype(np.uint32)
        by_row = np.frombuffer(prompts, np.uint32)
        whole = _pairs(np.frombuffer(texts, np.uint32)[some], by_row[some])
        order = np.argsort(whole, kind="stable")
        places = np.empty(len(some), np.uint32)
        places[order] = np.arange(len(some), dtype=np.uint32)
        sorted_bands = []
        while bands:
            keys = _pairs(np.frombuffer(bands.pop(0), np.uint32)[some], places)
            keys.sort()
            sorted_bands.append(keys)
        return cls(
            tuple(sorted_bands), whole[order], some[order], np.zeros(len(some), np.float32), by_row
        )

    def save(self, folder: Path) -> None:
        """Write NumPy files, for `load`."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, numbers in self._named():
            np.save(folder / f"{name}.npy", numbers, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Index:
        """Return a saved index. Its files are mapped, so that processes of a machine share their memory."""

        def numbers(name: str) -> NDArray[Any]:
            path = folder / f"{name}.npy"
            # An empty array cannot be mapped.
            mode: Literal["r"] | None = "r" if path.stat().st_size > _SMALL else None
            return np.asarray(np.load(path, mmap_mode=mode, allow_pickle=False))

        bands = tuple(numbers(f"band-{band}") for band in range(BANDS))
        return cls(bands, *(numbers(name) for name in ("texts", "rows", "scores", "prompts")))

    def _named(self) -> Iterator[tuple[str, NDArray[Any]]]:
        for band, keys in enumerate(self.bands):
            yield f"band-{band}", keys
        for name in ("texts", "rows", "scores", "prompts"):
            yield name, getattr(self, name)

    def candidates(self, wanted: Signatures) -> tuple[Rows, Rows]:
        """Return pairs of a row of ``wanted`` and a row of the index, of different prompts, that may be alike."""
        matches = [_matches(keys, wanted.bands[:, band]) for band, keys in enumerate(self.bands)]
        # The same text weighs as much as all bands.
        matches += [_matches(self.texts, wanted.texts, placed=True)] * BANDS
        who = np.concatenate([pair[0] for pair in matches])
        other = np.concatenate([pair[1] for pair in matches])
        prompts = self.texts[other] & np.uint64(0xFFFFFFFF)
        good = (prompts != wanted.prompts[who]) & wanted.any[who]
        pairs, shared = np.unique((who[good] << 32) | other[good], return_counts=True)
        who, other = pairs >> 32, pairs & 0xFFFFFFFF
        order = np.lexsort((other, -shared, who))
        who, other = who[order], other[order]
        first = np.searchsorted(who, who)
        few = np.arange(len(who)) - first < MOST
        return who[few], self.rows[other[few]].astype(np.int64)

    def known(self, wanted: Signatures) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Return which rows are variants of the index, and the indices of their scores in `scores`."""
        keys = _pairs(wanted.texts, wanted.prompts)
        place = np.searchsorted(self.texts, keys)
        known = np.append(self.texts, np.uint64(0))[place] == keys
        return known & (place < len(self.texts)) & wanted.any, place


def _matches(keys: Keys, numbers: NDArray[np.uint32], *, placed: bool = False) -> tuple[Rows, Rows]:
    """Return pairs of an index into ``numbers`` and a place in `Index.texts` with that number.

    With ``placed`` that is the place in ``keys`` itself, else the lower half of the key.
    """
    begin = np.searchsorted(keys, _pairs(numbers, np.zeros_like(numbers)))
    end = np.searchsorted(keys, _pairs(numbers, np.full_like(numbers, 0xFFFFFFFF)), side="right")
    count = end - begin
    who, places = [], []
    for step in range(MOST + 1):
        # One more than `MOST`: the row itself may be among them.
        which = np.flatnonzero(count > step)
        # Small groups are taken whole, large ones at even steps.
        offset = step * np.maximum(count[which], MOST + 1) // (MOST + 1)
        who.append(which)
        places.append(begin[which] + offset)
    at = np.concatenate(places)
    other = at if placed else (keys[at] & np.uint64(0xFFFFFFFF)).astype(np.int64)
    return np.concatenate(who), other


def _pairs(high: NDArray[np.uint32], low: NDArray[np.uint32]) -> Keys:
    keys = high.astype(np.uint64)
    keys <<= np.uint64(32)
    keys |= low
    return keys
