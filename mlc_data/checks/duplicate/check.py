"""Check for duplicates: variants of different prompts that say the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlc_data.checks.base import ENGLISH, Check, CheckSection, CorpusCheck, Parts, at_most
from mlc_data.checks.duplicate.index import Index
from mlc_data.checks.duplicate.shingles import jaccard, plain, runs, signatures
from mlc_data.checks.duplicate.texts import COLUMNS, SCHEMA, Texts
from mlc_data.checks.round_trip import common_words
from mlc_data.languages.by_language import ByLanguage, by_language
from mlc_data.languages.flores import get_language

HELD = 3_000_000
"""Bytes of texts that are kept in memory for comparisons."""
HELD_A_VARIANT = 32
"""Bytes of texts per variant that are kept while the index is built, if that is more than `HELD`. Other texts
need another pass over all translations: with a fixed limit, more variants would need more passes."""
RUNS_HELD = 100_000
PAIRS_AT_ONCE = 1000
ALIKE = 0.3
"""Similarity below which variants are alike by chance, and found only by chance."""
AGREES = 0.5
"""Share of words that a back-translation must have in common with its prompt to count as right."""

_NONE = pl.DataFrame(schema={"row": pl.Int64(), **SCHEMA})
_ROW_BYTES = 64


@dataclass
class Corpus:
    """All translations: an index of numbers, and texts that are read where they are needed."""

    index: Index
    parts: Parts
    held: pl.DataFrame = field(default_factory=lambda: _NONE)
    """Texts by row, in order."""
    stored: Texts | None = None
    """Texts stored by row; without them all translations are read for a few texts."""

    def texts(self, rows: NDArray[np.int64]) -> pl.DataFrame:
        """Return the given rows of the translations, and maybe others, in order; reads only new ones."""
        missing = np.setdiff1d(rows, self.held["row"].to_numpy())
        if len(missing):
            kept = self.held.filter(pl.col("row").is_in(rows)) if self._full else self.held
            new = self.stored.rows(missing) if self.stored else self.read(missing, None)[0]
            self.held = pl.concat([kept, new]).sort("row")
        return self.held

    @property
    def _full(self) -> bool:
        return _bytes(self.held) > HELD

    def read(
        self, wanted: NDArray[np.int64], budget: int | None
    ) -> tuple[pl.DataFrame, NDArray[np.int64]]:
        """Return texts of the first wanted rows (sorted), and the rows beyond the budget (bytes)."""
        texts, begun, used, taken = [_NONE], 0, 0, 0
        for part in self.parts():
            until = int(np.searchsorted(wanted, begun + part.height))
            inside = wanted[taken:until]
            if len(inside):
                rows = part.select(COLUMNS)[inside - begun]
                texts.append(rows.select(pl.Series("row", inside), *COLUMNS))
                used += _bytes(rows)
            taken, begun = until, begun + part.height
            if taken == len(wanted) or (budget is not None and used > budget):
                break
        return pl.concat(texts), wanted[taken:]


class DuplicateCheck(CheckSection):
    """Variants of different prompts that are the same or nearly so."""

    max_similarity: ByLanguage = by_language(0.5)
    """Greatest similarity to another prompt's variant, less the similarity of their prompts (0 to 1)."""


class Duplicate(CorpusCheck):
    """Variants of different prompts, in one language, that are the same or nearly so.

    ``duplicate_similarity`` (0 to 1): similarity of the variant to a variant of another prompt, less the
    similarity of their prompts, at most. Similarity of variants is the Jaccard similarity of their
    character n-grams (see `shingles`), 0 below `ALIKE`. That of prompts is the same, or the share of
    content words in common, whichever is greater: prompts that say the same may have the same variant.

    One of the prompts that share a variant may have it rightly. A variant is not compared with another
    whose back-translation agrees less with its prompt than its own does, if its own has at least
    half of the prompt's content words; a variant whose back-translation has all of them scores 0.

    Variants are compared with the first translations of a run, also where rescue replaces them.
    ``corpus`` is None before `prepared`.
    """

    name = "duplicate"
    version: ClassVar[int] = 2  # look-alikes are chosen by their texts, not by their place
    section = DuplicateCheck
    scores = ("duplicate_similarity",)
    limits = (at_most("duplicate_similarity", "max_similarity"),)

    def __init__(
        self,
        settings: CheckSection | None = None,
        source: str = ENGLISH,
        corpus: Corpus | None = None,
    ) -> None:
        super().__init__(settings, source)
        self.corpus = corpus

    def prepared(self, parts: Parts) -> Check:
        """Return the check with an index of all translations and the scores of those with similar ones."""
        index = Index.build(signatures(part) for part in parts())
        corpus = Corpus(index, parts)
        asked, needed = (np.zeros(len(index.prompts), np.bool_) for _ in range(2))
        for begun, part in _placed(parts()):
            doubtful = np.flatnonzero(self._doubtful(part))
            who, other = index.candidates(signatures(part[doubtful]))
            asked[begun + doubtful[who]] = True
            needed[other] = True
        left = np.flatnonzero(needed)
        budget = max(HELD, HELD_A_VARIANT * len(index.prompts))
        while len(left):
            corpus.held, left = corpus.read(left, budget)
            for begun, part in _placed(parts()):
                some = part.filter(pl.Series(asked[begun : begun + part.height]))
                signed = signatures(some)
                who, other = index.candidates(signed)
                here = np.isin(other, corpus.held["row"].to_numpy())
                excess = self._excess(some, corpus.held, who[here], other[here])
                known, place = index.known(signed)
                np.maximum.at(index.scores, place[known], excess[known].astype(np.float32))
        return Duplicate(self.settings, self.source, corpus)

    def save(self, folder: Path, *, others: bool) -> None:
        """Write the index, which holds the translations' own scores, and texts for the scores of others."""
        assert self.corpus is not None
        self.corpus.index.save(folder)
        if others:
            Texts.write(self.corpus.parts(), folder)

    def loaded(self, folder: Path, parts: Parts) -> Check:
        """Return the check with the index and texts of a folder."""
        corpus = Corpus(Index.load(folder), parts, stored=Texts.in_folder(folder))
        return Duplicate(self.settings, self.source, corpus)

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return ``duplicate_similarity``.

        Raises:
            ValueError: the check has not been `prepared`.
        """
        if self.corpus is None:
            raise ValueError("`Duplicate` scores after `prepared` has seen all translations")
        index, signed = self.corpus.index, signatures(rows)
        known, place = index.known(signed)
        scores = np.zeros(rows.height)
        scores[known] = index.scores[place[known]]
        who, other = index.candidates(signed)
        new = (~known & self._doubtful(rows))[who]
        if new.any():
            who, other = who[new], other[new]
            excess = self._excess(rows, self.corpus.texts(np.unique(other)), who, other)
            scores = np.where(known, scores, excess)
        return pl.DataFrame({"duplicate_similarity": scores}, schema={self.scores[0]: pl.Float64})

    def _excess(
        self,
        rows: pl.DataFrame,
        others: pl.DataFrame,
        who: NDArray[np.int64],
        other: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """Return the score of each row (``who``), compared with ``other`` rows of the translations alone."""
        scores = np.zeros(rows.height)
        for begin in range(0, len(who), PAIRS_AT_ONCE):
            cut = slice(begin, begin + PAIRS_AT_ONCE)
            pairs = self._too_similar(rows, others, who[cut], other[cut])
            np.maximum.at(scores, pairs["who"].to_numpy(), pairs["excess"].to_numpy())
        return scores

    def _too_similar(
        self,
        rows: pl.DataFrame,
        others: pl.DataFrame,
        who: NDArray[np.int64],
        other: NDArray[np.int64],
    ) -> pl.DataFrame:
        """Return the pairs that count against their first variant, with their ``excess``."""
        mine = rows.select(COLUMNS)[who].with_columns(who=who)
        theirs = others[np.searchsorted(others["row"].to_numpy(), other)]
        pairs = pl.concat([mine, theirs.select(pl.all().name.suffix("_other"))], how="horizontal")
        alike, prompts = self._alike(pairs)
        pairs = pairs.with_columns(alike=alike, prompts=prompts)
        pairs = pairs.filter(pl.col("alike") >= ALIKE, pl.col("alike") > pl.col("prompts"))
        pairs = pairs.with_columns(words=self._common(pairs["source"], pairs["source_other"]))
        excess = pl.col("alike") - pl.max_horizontal("prompts", "words")
        pairs = pairs.with_columns(excess=excess).filter(pl.col("excess") > 0)
        own, their = (
            self._common(pairs[f"source{end}"], pairs[f"back_translation{end}"])
            for end in ("", "_other")
        )
        right = (own >= AGREES) & ((own > their) | (own == 1))
        return pairs.filter(~right)

    def _alike(self, pairs: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
        """Return the similarity of the variants and that of their prompts (0 to 1)."""
        source = pl.Series([self.source] * pairs.height, dtype=pl.String)
        similarities = []
        for column, languages in (("text", pairs["language"]), ("source", source)):
            own, other = (plain(pairs[f"{column}{end}"], languages) for end in ("", "_other"))
            spaced = [get_language(code).spaced for code in languages]
            similarities.append(_similarities(own.to_list(), other.to_list(), spaced))
        return similarities[0], similarities[1]

    def _doubtful(self, rows: pl.DataFrame) -> NDArray[np.bool_]:
        """Return whether a row may be a duplicate: not if its back-translation has all words of its prompt."""
        sources, backs = rows["source"], rows["back_translation"]
        doubtful = sources.ne_missing(backs).to_numpy(writable=True)
        # Without a back-translation nothing speaks for the row.
        unsure = doubtful & backs.is_not_null().to_numpy()
        doubtful[unsure] = (
            self._common(*(texts.filter(pl.Series(unsure)) for texts in (sources, backs))) < 1
        ).to_numpy()
        return doubtful

    def _common(self, sources: pl.Series, others: pl.Series) -> pl.Series:
        spaced = get_language(self.source).spaced
        shares = common_words(sources, others.fill_null(""), spaced=spaced)
        return shares * others.is_not_null()


def _similarities(texts: list[str], others: list[str], spaced: list[bool]) -> pl.Series:
    held: dict[tuple[str, bool], frozenset[str]] = {}
    used = 0
    similarities = []
    for text, other, blanks in zip(texts, others, spaced, strict=True):
        if text == other:
            similarities.append(1.0)
            continue
        sets = []
        for each in (text, other):
            if (each, blanks) not in held:
                if used > RUNS_HELD:
                    held.clear()
                    used = 0
                held[each, blanks] = runs(each, spaced=blanks)
                used += len(each)
            sets.append(held[each, blanks])
        similarities.append(jaccard(*sets))
    return pl.Series(similarities, dtype=pl.Float64)


def _placed(parts: Iterator[pl.DataFrame]) -> Iterator[tuple[int, pl.DataFrame]]:
    """Yield parts, each after the number of rows before it."""
    begun = 0
    for part in parts:
        yield begun, part
        begun += part.height


def _bytes(texts: pl.DataFrame) -> int:
    return int(texts.estimated_size()) + _ROW_BYTES * texts.height
