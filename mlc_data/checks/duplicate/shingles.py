"""Texts as sets of overlapping character n-grams ("runs"), and signatures that similar texts share.

The similarity of two texts is the Jaccard similarity of their runs. MinHash (Broder 1997) keeps the least
hash of the runs under several hash functions; two texts agree in one with a probability equal to that
similarity. `BANDS` groups of `MINIMA` such hashes are folded into a number each (Leskovec, Rajaraman and
Ullman, Mining of Massive Datasets, chapter 3): texts with a similarity of 0.9 share a number with
a probability of 0.999, of 0.8 with 0.97, of 0.7 with 0.85, of 0.5 with 0.36, of 0.2 with 0.01.

Signatures are the same in every process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlc_data.languages.flores import get_language

BANDS = 7
MINIMA = 4
RUN, RUN_UNSPACED = 4, 2
"""Characters of a run, in languages with blanks between words and in others."""
CHARACTERS_AT_ONCE = 500_000

Numbers = NDArray[np.uint32]


def _constants(purpose: bytes, number: int) -> Numbers:
    return np.frombuffer(hashlib.shake_256(purpose).digest(4 * number), np.uint32)


_FOR_CHARACTERS = _constants(b"characters", RUN) | np.uint32(1)
_FOR_MINIMA = _constants(b"minima", BANDS * MINIMA)
_FACTORS = _constants(b"factors", BANDS * MINIMA) | np.uint32(1)
_FOLD = np.uint32(0x9E3779B1)


@dataclass(frozen=True, eq=False)
class Signatures:
    """Numbers that stand for texts, a row for each text.

    Attributes:
        bands: numbers that similar texts share [rows, BANDS].
        texts: a number shared by texts that differ only in case, punctuation and white space.
        prompts: a number that only variants of one prompt share.
        any: whether there is any character but white space; other texts are similar to none.
    """

    bands: Numbers
    texts: Numbers
    prompts: Numbers
    any: NDArray[np.bool_]

    def some(self, rows: NDArray[np.int64]) -> Signatures:
        """Return the signatures of some of the texts."""
        return Signatures(self.bands[rows], self.texts[rows], self.prompts[rows], self.any[rows])


def signatures(rows: pl.DataFrame) -> Signatures:
    """Return the signatures of a table with ``prompt_id``, ``language`` and ``text``.

    Texts in different languages are never similar.
    """
    texts, spaced = plain(rows["text"], rows["language"]), _spaced(rows["language"])
    codes = rows["language"].unique().to_list()
    of_language = {code: int(_of_name(code)) for code in codes}
    seeds = rows["language"].replace_strict(of_language, return_dtype=pl.UInt32).to_numpy()
    bands = np.zeros((rows.height, BANDS), np.uint32)
    whole = np.zeros(rows.height, np.uint32)
    for run, mask in ((RUN, spaced), (RUN_UNSPACED, ~spaced)):
        index = np.flatnonzero(mask & (texts.str.len_bytes() > 0).to_numpy())
        for part, hashes, starts in _hashes(texts, index, run):
            bands[part] = _bands(hashes, starts, seeds[part])
            whole[part] = _wholes(hashes, starts) ^ seeds[part]
    prompts = np.zeros(rows.height, np.uint32)
    for part, hashes, starts in _hashes(rows["prompt_id"], np.arange(rows.height), RUN):
        prompts[part] = _wholes(hashes, starts)
    return Signatures(bands, whole, prompts, (texts.str.len_bytes() > 0).to_numpy())


def plain(texts: pl.Series, languages: pl.Series) -> pl.Series:
    """Return texts for comparison: NFKC, lower case, without punctuation, one blank between words (none in
    languages without blanks). A text of nothing but punctuation keeps it."""
    folded = pl.col("text").str.normalize("NFKC").str.to_lowercase()
    words = pl.col("text").str.replace_all(r"[^\p{L}\p{M}\p{N}]+", " ").str.strip_chars()
    symbols = pl.col("text").str.replace_all(r"\s+", "")
    frame = pl.DataFrame({"text": texts, "spaced": _spaced(languages)}).with_columns(folded)
    compared = (
        pl.when(words == "")
        .then(symbols)
        .when("spaced")
        .then(words)
        .otherwise(words.str.replace_all(" ", "", literal=True))
    )
    return frame.select(compared.alias("text")).to_series()


def runs(text: str, *, spaced: bool) -> frozenset[str]:
    """Return the distinct runs of a `plain` text: at most as many as it has characters."""
    width = RUN if spaced else RUN_UNSPACED
    padded = text + " " * (width - 1)
    return frozenset(padded[at : at + width] for at in range(len(text)))


def jaccard(first: frozenset[str], second: frozenset[str]) -> float:
    """Return the share (0 to 1) of the runs of either text that both have; 0 if there are none."""
    common = len(first & second)
    return common / (len(first) + len(second) - common) if common else 0.0


def _spaced(languages: pl.Series) -> NDArray[np.bool_]:
    unspaced = [code for code in languages.unique() if not get_language(code).spaced]
    return ~languages.is_in(unspaced).to_numpy()


def _of_name(name: str) -> np.uint32:
    return np.uint32(int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little"))


def _hashes(
    texts: pl.Series, index: NDArray[np.int64], run: int
) -> Iterator[tuple[NDArray[np.int64], Numbers, NDArray[np.int64]]]:
    """Yield, for some of the texts at ``index`` at a time: their indices, the hashes of their runs, text
    after text, and the position where each text's hashes begin. Texts must not be empty."""
    lengths = texts.gather(index).str.len_chars().to_numpy().astype(np.int64)
    pieces = np.cumsum(lengths) // CHARACTERS_AT_ONCE
    for cut in np.split(np.arange(len(index)), np.flatnonzero(np.diff(pieces)) + 1):
        if not len(cut):
            continue
        padding = " " * (run - 1)
        joined = padding.join([*texts.gather(index[cut]).to_list(), ""])
        characters = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
        inside = np.repeat(np.arange(len(cut)), lengths[cut]) * (run - 1)
        inside += np.arange(len(inside))
        mixed = np.zeros(len(inside), np.uint32)
        for offset in range(run):
            mixed += characters[inside + offset] * _FOR_CHARACTERS[offset]
        yield index[cut], _mix(mixed), np.cumsum(lengths[cut]) - lengths[cut]


def _bands(hashes: Numbers, starts: NDArray[np.int64], seeds: Numbers) -> Numbers:
    bands = np.empty((len(starts), BANDS), np.uint32)
    for band in range(BANDS):
        folded = seeds + np.uint32(band)
        for number in range(band * MINIMA, (band + 1) * MINIMA):
            each = (hashes ^ _FOR_MINIMA[number]) * _FACTORS[number]
            folded = _mix(folded * _FOLD + np.minimum.reduceat(each, starts))
        bands[:, band] = folded
    return bands


def _wholes(hashes: Numbers, starts: NDArray[np.int64]) -> Numbers:
    """Return a number for each text that depends on all its runs and their order."""
    lengths = np.diff(starts, append=len(hashes))
    places = np.arange(len(hashes)) - np.repeat(starts, lengths)
    placed = _mix(hashes + places.astype(np.uint32) * _FOLD)
    return _mix(np.add.reduceat(placed, starts, dtype=np.uint32))


def _mix(numbers: Numbers) -> Numbers:
    """Return the last step of MurmurHash3 (32 bits): every input bit changes every output bit."""
    mixed = numbers ^ (numbers >> np.uint32(16))
    mixed *= np.uint32(0x85EBCA6B)
    mixed ^= mixed >> np.uint32(13)
    mixed *= np.uint32(0xC2B2AE35)
    mixed ^= mixed >> np.uint32(16)
    return mixed
