"""Check for duplicates: variants of different prompts that say the same."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlc_data.checks.base import ENGLISH, Check, CheckSection, CorpusCheck, Parts, at_most
from mlc_data.checks.duplicate.index import Index, Scores
from mlc_data.checks.duplicate.shingles import Signatures, jaccard, plain, runs, signatures
from mlc_data.checks.duplicate.texts import COLUMNS, Texts, TextsWriter
from mlc_data.checks.round_trip import common_words
from mlc_data.languages.by_language import ByLanguage, by_language
from mlc_data.languages.flores import get_language

RUNS_HELD = 100_000
PAIRS_AT_ONCE = 1000
ALIKE = 0.3
"""Similarity below which variants are alike by chance, and found only by chance."""
AGREES = 0.5
"""Share of words that a back-translation must have in common with its prompt to count as right."""


@dataclass
class Corpus:
    """All translations: an index of numbers, and texts that are read where they are needed, both in a folder."""

    folder: Path
    index: Index

    @classmethod
    def of(cls, folder: Path) -> Corpus:
        """Return what was written into a folder."""
        return cls(folder, Index.load(folder))

    def texts(self, rows: NDArray[np.int64]) -> pl.DataFrame:
        """Return the given rows of the translations (sorted), see `Texts.rows`."""
        return Texts(self.folder).rows(rows)


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
        """Return the check with an index in a temporary folder, which goes with it; see `prepared_in`."""
        folder = Path(tempfile.mkdtemp(prefix="mlc-data-duplicate-"))
        check = self.prepared_in(folder, parts)
        weakref.finalize(check, shutil.rmtree, folder, ignore_errors=True)
        return check

    def prepared_in(self, folder: Path, parts: Parts) -> Check:
        """Return the check with an index of all translations and the scores of those with similar ones."""
        with TextsWriter(folder) as texts:
            index = Index.build(_signed(parts(), texts), folder)
        corpus = Corpus(folder, index)
        scores = (self._own_scores(part, corpus) for part in parts())
        return Duplicate(
            self.settings, self.source, Corpus(folder, Index.with_scores(folder, scores))
        )

    def save(self, folder: Path, *, others: bool) -> None:
        """Copy the index with the translations' own scores, and the texts that others are compared with."""
        assert self.corpus is not None
        if folder != self.corpus.folder:
            shutil.copytree(self.corpus.folder, folder)

    def loaded(self, folder: Path, parts: Parts) -> Check:
        """Return the check with the index and texts of a folder."""
        return Duplicate(self.settings, self.source, Corpus.of(folder))

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return ``duplicate_similarity``.

        Raises:
            ValueError: the check has not been `prepared`.
        """
        if self.corpus is None:
            raise ValueError("`Duplicate` scores after `prepared` has seen all translations")
        signed = signatures(rows)
        known, places = self.corpus.index.known(signed)
        scores = np.zeros(rows.height)
        scores[known] = self.corpus.index.scores_at(places)
        new = np.flatnonzero(~known)
        new = new[self._doubtful(rows[new])]
        scores[new] = self._compared(rows[new], signed.some(new), self.corpus)
        return pl.DataFrame({"duplicate_similarity": scores}, schema={self.scores[0]: pl.Float64})

    def _own_scores(self, part: pl.DataFrame, corpus: Corpus) -> Scores:
        """Return the scores above 0 of translations that the index has."""
        rows = part.filter(pl.Series(self._doubtful(part), dtype=pl.Boolean))
        signed = signatures(rows)
        excess = self._compared(rows, signed, corpus).astype(np.float32)
        known, places = corpus.index.known(signed)
        above = excess[known] > 0
        return places[above], excess[known][above]

    def _compared(
        self, rows: pl.DataFrame, signed: Signatures, corpus: Corpus
    ) -> NDArray[np.float64]:
        """Return the score of each row, compared with the translations that may be alike."""
        who, other = corpus.index.candidates(signed)
        return self._excess(rows, corpus.texts(np.unique(other)), who, other)

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


def _signed(parts: Iterator[pl.DataFrame], texts: TextsWriter) -> Iterator[Signatures]:
    """Yield the signatures of the parts, and write their texts."""
    for part in parts:
        texts.write(part)
        yield signatures(part)
