"""Index of variants that may be alike: numbers alone, no texts, in files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlc_data.checks.duplicate.shingles import BANDS, Signatures
from mlc_data.checks.duplicate.sorted_keys import Column, Keys, SortedKeys, write_sorted

MOST = 8
"""Greatest number of others that a variant is compared with: those that share most numbers, and of large
groups a sample that is spread evenly over the group."""

Rows = NDArray[np.int64]
Scores = tuple[Rows, NDArray[np.float32]]
"""Places in `Index.texts`, and the scores of their variants."""


@dataclass(frozen=True, eq=False)
class Index:
    """Sorted numbers of `shingles.Signatures`: 72 bytes a variant on disk, 1 in memory.

    Attributes:
        bands: for each band its numbers, each with a place in `texts` (32 bits each). Places follow from the texts
            alone, so that the choice of `candidates` does not depend on the order of the rows.
        texts: numbers of whole texts, each with that of its prompt (32 bits each).
        rows: the rows of `texts`.
        scored: places of `texts` whose variants have another score than 0, in order.
        scores: scores of those variants; see `known`.
    """

    bands: tuple[SortedKeys, ...]
    texts: SortedKeys
    rows: Column
    scored: NDArray[np.int64]
    scores: NDArray[np.float32]

    @classmethod
    def build(cls, parts: Iterable[Signatures], folder: Path) -> Index:
        """Write the index of all variants, given in order, into a folder, and return it without scores.

        While it is written, 8 bytes a variant are in memory.
        """
        folder.mkdir(parents=True, exist_ok=True)
        raw = [Column(folder / f"raw-{band}", np.uint32) for band in range(BANDS)]
        whole, filled = (
            Column(folder / "raw-texts", np.uint64),
            Column(folder / "raw-rows", np.uint32),
        )
        _write_raw(parts, raw, whole, filled)
        number = len(whole)
        places = _write_texts(whole, filled, folder)
        for band, column in enumerate(raw):

            def keys(column: Column = column) -> Iterator[Keys]:
                begun = 0
                for part in column.parts():
                    yield _pairs(part, places[begun : begun + len(part)])
                    begun += len(part)

            write_sorted(keys, number, folder / f"band-{band}")
        for one in (*raw, whole, filled):
            one.path.unlink()
        np.save(folder / _SCORED, np.zeros(0, np.int64), allow_pickle=False)
        np.save(folder / _SCORES, np.zeros(0, np.float32), allow_pickle=False)
        return cls.load(folder)

    @classmethod
    def load(cls, folder: Path) -> Index:
        """Return the index in a folder."""
        return cls(
            tuple(SortedKeys(folder / f"band-{band}") for band in range(BANDS)),
            SortedKeys(folder / _TEXTS),
            Column(folder / _ROWS, np.uint32),
            np.load(folder / _SCORED, allow_pickle=False),
            np.load(folder / _SCORES, allow_pickle=False),
        )

    @classmethod
    def with_scores(cls, folder: Path, scores: Iterable[Scores]) -> Index:
        """Write scores of variants above 0, and return the index of the folder with them.

        Of several scores of a variant the greatest counts.
        """
        some = [(np.zeros(0, np.int64), np.zeros(0, np.float32)), *scores]
        places = np.concatenate([part[0] for part in some])
        values = np.concatenate([part[1] for part in some])
        scored, inverse = np.unique(places, return_inverse=True)
        greatest = np.zeros(len(scored), np.float32)
        np.maximum.at(greatest, inverse, values)
        np.save(folder / _SCORED, scored, allow_pickle=False)
        np.save(folder / _SCORES, greatest, allow_pickle=False)
        return cls.load(folder)

    def candidates(self, wanted: Signatures) -> tuple[Rows, Rows]:
        """Return pairs of a row of ``wanted`` and a row of the index, of different prompts, that may be alike."""
        matches = [_matches(keys, wanted.bands[:, band]) for band, keys in enumerate(self.bands)]
        # The same text weighs as much as all bands.
        matches += [_matches(self.texts, wanted.texts, placed=True)] * BANDS
        who = np.concatenate([pair[0] for pair in matches])
        other = np.concatenate([pair[1] for pair in matches])
        distinct, which = np.unique(other, return_inverse=True)
        prompts = (self.texts.take(distinct) & np.uint64(0xFFFFFFFF))[which]
        good = (prompts != wanted.prompts[who]) & wanted.any[who]
        pairs, shared = np.unique((who[good] << 32) | other[good], return_counts=True)
        who, other = pairs >> 32, pairs & 0xFFFFFFFF
        order = np.lexsort((other, -shared, who))
        who, other = who[order], other[order]
        first = np.searchsorted(who, who)
        few = np.arange(len(who)) - first < MOST
        return who[few], self.rows.take(other[few])[:, 0].astype(np.int64)

    def known(self, wanted: Signatures) -> tuple[NDArray[np.bool_], Rows]:
        """Return which rows are variants of the index, and the places of these in `texts`."""
        keys = _pairs(wanted.texts, wanted.prompts)
        places = self.texts.search(keys)
        known = (places < len(self.texts)) & wanted.any
        known[known] = self.texts.take(places[known]) == keys[known]
        return known, places[known]

    def scores_at(self, places: Rows) -> NDArray[np.float32]:
        """Return the scores of variants by their places."""
        at = np.searchsorted(self.scored, places)
        found = np.append(self.scored, -1)[at] == places
        return np.where(found, np.append(self.scores, np.float32(0))[at], np.float32(0))


_TEXTS, _ROWS, _SCORED, _SCORES = "texts", "rows", "scored.npy", "scores.npy"


def _write_raw(
    parts: Iterable[Signatures], bands: Iterable[Column], texts: Column, rows: Column
) -> None:
    """Write the numbers of variants that have any, in order."""
    begun = 0
    with ExitStack() as stack:
        files = [stack.enter_context(column.path.open("wb")) for column in (*bands, texts, rows)]
        for part in parts:
            some = np.flatnonzero(part.any)
            columns = (
                *part.bands[some].T,
                _pairs(part.texts[some], part.prompts[some]),
                (some + begun).astype(np.uint32),
            )
            for column, file in zip(columns, files, strict=True):
                file.write(column.tobytes())
            begun += len(part.any)


def _write_texts(whole: Column, filled: Column, folder: Path) -> NDArray[np.uint32]:
    """Write the texts in order, with their rows; return the place of each in that order."""
    rows = np.fromfile(filled.path, np.uint32)
    places = np.empty(len(rows), np.uint32)
    with (folder / _ROWS).open("wb") as file:

        def ordered(positions: Rows, begun: int) -> None:
            places[positions] = np.arange(begun, begun + len(positions), dtype=np.uint32)
            rows[positions].tofile(file)

        write_sorted(whole.parts, len(rows), folder / _TEXTS, ordered)
    return places


def _matches(
    keys: SortedKeys, numbers: NDArray[np.uint32], *, placed: bool = False
) -> tuple[Rows, Rows]:
    """Return pairs of an index into ``numbers`` and a place in `Index.texts` with that number.

    With ``placed`` that is the place in ``keys`` itself, else the lower half of the key.
    """
    begin = keys.search(_pairs(numbers, np.zeros_like(numbers)))
    end = keys.search(_pairs(numbers, np.full_like(numbers, 0xFFFFFFFF)), side="right")
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
    other = at if placed else (keys.take(at) & np.uint64(0xFFFFFFFF)).astype(np.int64)
    return np.concatenate(who), other


def _pairs(high: NDArray[np.uint32], low: NDArray[np.uint32]) -> Keys:
    keys = high.astype(np.uint64)
    keys <<= np.uint64(32)
    keys |= low
    return keys
