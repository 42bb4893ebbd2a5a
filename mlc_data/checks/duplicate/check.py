"""Do variants of different prompts say the same?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlc_data.checks.base import Check, VariantReason, at_most, within
from mlc_data.checks.duplicate.index import Index
from mlc_data.checks.duplicate.shingles import jaccard, plain, runs, signatures
from mlc_data.checks.duplicate.texts import COLUMNS, SCHEMA, Texts
from mlc_data.checks.round_trip import common_words
from mlc_data.languages.flores import get_language
from mlc_data.recipe.checks import DuplicateCheck

HELD = 3_000_000
"""Bytes of texts that are held to be compared with."""
HELD_A_VARIANT = 32
"""Bytes of texts a variant that are held instead while the index is made, if that is more. What is not held takes
another pass over all translations: with a fixed number there would be more passes the more variants there are."""
RUNS_HELD = 100_000
PAIRS_AT_ONCE = 1000
ALIKE = 0.3
"""Variants that are less alike than this are so by chance, and are only found by chance."""
AGREES = 0.5
"""A variant whose back-translation shares less of its words with the prompt is not held for right."""

_NONE = pl.DataFrame(schema={"row": pl.Int64(), **SCHEMA})
_ROW_BYTES = 64

Parts = Callable[[], Iterator[pl.DataFrame]]


@dataclass
class Corpus:
    """All translations: an index of numbers, and the texts again where they are needed."""

    index: Index
    parts: Parts
    held: pl.DataFrame = field(default_factory=lambda: _NONE)
    """Texts by row, in order."""
    stored: Texts | None = None
    """Where the texts lie by row; without it all translations are read for a few."""

    def texts(self, rows: NDArray[np.int64]) -> pl.DataFrame:
        """The given rows of the translations, and maybe others, in order; reads only what is new."""
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
        """Texts of the first of the wanted rows (sorted), and the rows that the budget leaves over."""
        found, begun, used, taken = [_NONE], 0, 0, 0
        for part in self.parts():
            until = int(np.searchsorted(wanted, begun + part.height))
            inside = wanted[taken:until]
            if len(inside):
                texts = part.select(COLUMNS)[inside - begun]
                found.append(texts.select(pl.Series("row", inside), *COLUMNS))
                used += _bytes(texts)
            taken, begun = until, begun + part.height
            if taken == len(wanted) or (budget is not None and used > budget):
                break
        return pl.concat(found), wanted[taken:]


@dataclass(frozen=True)
class Duplicate:
    """Variants of different prompts, in one language, that are the same or nearly so.

    ``duplicate_similarity`` (0 to 1): how much more alike the variant is to a variant of another prompt
    than their prompts are to each other, at most. Variants are as alike as their runs of characters
    (Jaccard similarity, see `shingles`), those under `ALIKE` not at all; prompts are so too, or as their
    content words are, whichever is more: prompts that say the same may well have the same variant.

    Of prompts that share a variant one may be right. A variant does not count as like another
    whose back-translation agrees less with its prompt than its own does, if its own has at least
    half of the prompt's content words; nor does any whose back-translation has all of them.

    Compared with are the first translations of a run, also where others take their place. ``source`` is
    the language of the prompts; ``corpus`` is None before `prepared`.
    """

    settings: DuplicateCheck = field(default_factory=DuplicateCheck)
    source: str = "eng_Latn"
    corpus: Corpus | None = field(default=None, compare=False, repr=False)
    reason = VariantReason.DUPLICATE
    scores = ("duplicate_similarity",)
    limits = (at_most("duplicate_similarity", "max_similarity"),)

    @property
    def enabled(self) -> bool:
        """As the recipe says."""
        return self.settings.enabled

    def prepared(self, parts: Parts) -> Check:
        """With an index of all translations, and the scores of those that have a like one."""
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
                marks = signatures(some)
                who, other = index.candidates(marks)
                here = np.isin(other, corpus.held["row"].to_numpy())
                excess = self._excess(some, corpus.held, who[here], other[here])
                there, place = index.known(marks)
                np.maximum.at(index.scores, place[there], excess[there].astype(np.float32))
        return replace(self, corpus=corpus)

    def save(self, folder: Path, *, others: bool) -> None:
        """See `CorpusCheck`: the translations themselves have their scores in the index."""
        assert self.corpus is not None
        self.corpus.index.save(folder)
        if others:
            Texts.write(self.corpus.parts(), folder)

    def loaded(self, folder: Path, parts: Parts) -> Check:
        """See `CorpusCheck`."""
        return replace(self, corpus=Corpus(Index.load(folder), parts, stored=Texts.found(folder)))

    def score(self, rows: pl.DataFrame) -> pl.DataFrame:
        """``duplicate_similarity``.

        Raises:
            ValueError: the check has not been `prepared`.
        """
        if self.corpus is None:
            raise ValueError("`Duplicate` scores after `prepared` has seen all translations")
        index, marks = self.corpus.index, signatures(rows)
        there, place = index.known(marks)
        scores = np.zeros(rows.height)
        scores[there] = index.scores[place[there]]
        who, other = index.candidates(marks)
        new = (~there & self._doubtful(rows))[who]
        if new.any():
            who, other = who[new], other[new]
            excess = self._excess(rows, self.corpus.texts(np.unique(other)), who, other)
            scores = np.where(there, scores, excess)
        return pl.DataFrame({"duplicate_similarity": scores}, schema={self.scores[0]: pl.Float64})

    def passes(self) -> pl.Expr:
        """At most the language's excess."""
        return within(self.settings, self.limits)

    def _excess(
        self,
        rows: pl.DataFrame,
        others: pl.DataFrame,
        who: NDArray[np.int64],
        other: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """The score of each row, compared with the ``other`` rows of the translations alone."""
        scores = np.zeros(rows.height)
        for begin in range(0, len(who), PAIRS_AT_ONCE):
            cut = slice(begin, begin + PAIRS_AT_ONCE)
            blamed = self._blamed(rows, others, who[cut], other[cut])
            np.maximum.at(scores, blamed["who"].to_numpy(), blamed["excess"].to_numpy())
        return scores

    def _blamed(
        self,
        rows: pl.DataFrame,
        others: pl.DataFrame,
        who: NDArray[np.int64],
        other: NDArray[np.int64],
    ) -> pl.DataFrame:
        """The pairs that count against the first of the two, with their ``excess``."""
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
        """How alike the variants are and how alike their prompts are (0 to 1)."""
        here = pl.Series([self.source] * pairs.height, dtype=pl.String)
        found = []
        for column, languages in (("text", pairs["language"]), ("source", here)):
            one, other = (plain(pairs[f"{column}{end}"], languages) for end in ("", "_other"))
            spaced = [get_language(code).spaced for code in languages]
            found.append(_similarities(one.to_list(), other.to_list(), spaced))
        return found[0], found[1]

    def _doubtful(self, rows: pl.DataFrame) -> NDArray[np.bool_]:
        """Whether a row may be blamed: not if its back-translation has all words of its prompt."""
        sources, backs = rows["source"], rows["back_translation"]
        doubtful = sources.ne_missing(backs).to_numpy(writable=True)
        doubtful[doubtful] = (
            self._common(*(one.filter(pl.Series(doubtful)) for one in (sources, backs))) < 1
        ).to_numpy()
        return doubtful

    def _common(self, sources: pl.Series, others: pl.Series) -> pl.Series:
        spaced = get_language(self.source).spaced
        shares = common_words(sources, others.fill_null(""), spaced=spaced)
        return shares * others.is_not_null()


def _similarities(ones: list[str], others: list[str], spaced: list[bool]) -> pl.Series:
    held: dict[tuple[str, bool], frozenset[str]] = {}
    used = 0
    found = []
    for one, other, blanks in zip(ones, others, spaced, strict=True):
        if one == other:
            found.append(1.0)
            continue
        sets = []
        for text in (one, other):
            if (text, blanks) not in held:
                if used > RUNS_HELD:
                    held.clear()
                    used = 0
                held[text, blanks] = runs(text, spaced=blanks)
                used += len(text)
            sets.append(held[text, blanks])
        found.append(jaccard(*sets))
    return pl.Series(found, dtype=pl.Float64)


def _placed(parts: Iterator[pl.DataFrame]) -> Iterator[tuple[int, pl.DataFrame]]:
    """Parts, each with the number of rows before it."""
    begun = 0
    for part in parts:
        yield begun, part
        begun += part.height


def _bytes(texts: pl.DataFrame) -> int:
    return int(texts.estimated_size()) + _ROW_BYTES * texts.height
