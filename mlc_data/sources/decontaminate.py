"""Rejection of prompts that are in an evaluation set, so that they are not trained on.

A prompt is a copy of an evaluation prompt in three cases, all by words (NFKC, lower case, no punctuation):

- the same words in the same order;
- runs of ``ngram`` words in common: of the shorter text's runs at least a share ``max_share``. Runs of
  8 words: Llama 3 (arXiv 2407.21783, 5.1.4) and PaLM (arXiv 2204.02311, section 8), which calls
  a text contaminated from 70 % of them; GPT-3 (arXiv 2005.14165, appendix C) takes 13. An evaluation prompt
  of `SHORTEST` words or more, but fewer than ``ngram``, is one run: a longer text may hold it;
- nearly the same words, whatever their order: twice those in common, of all words of both, at least a
  share ``max_words``. In prompts of a sentence, one changed word breaks most runs of 8.
"""

from __future__ import annotations

import logging
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from mlc_data.errors import SourceError
from mlc_data.languages.flores import get_language
from mlc_data.recipe.sources import Columns, Decontaminate, Source, Sources
from mlc_data.sources.accounting import Unusable
from mlc_data.sources.conversations import conversation
from mlc_data.sources.readers import open_source
from mlc_data.sources.rows import Wanted
from mlc_data.text.spans import words

log = logging.getLogger(__name__)

SHORTEST = 5
"""Words of an evaluation prompt that is looked for within longer texts."""

_AT_ONCE = 2000

Words = Sequence[str]
Token = tuple[str, int]


@dataclass(frozen=True)
class EvaluationSet:
    """The prompts of one evaluation set, indexed."""

    settings: Decontaminate
    identity: Mapping[str, Any]
    texts: Mapping[int, Words]
    _same: dict[tuple[str, ...], int] = field(default_factory=dict, repr=False)
    _runs: dict[tuple[str, ...], list[int]] = field(default_factory=dict, repr=False)
    _begin: dict[Token, list[int]] = field(default_factory=dict, repr=False)
    _frequency: Counter[Token] = field(default_factory=Counter, repr=False)

    @classmethod
    def of(
        cls, settings: Decontaminate, identity: Mapping[str, Any], texts: Mapping[int, Words]
    ) -> EvaluationSet:
        """Return the set from its words by row; rows count from 1."""
        made = cls(settings, identity, {row: text for row, text in texts.items() if text})
        runs, begin = defaultdict(list), defaultdict(list)
        for text in made.texts.values():
            made._frequency.update(_tokens(text))
        for row, text in made.texts.items():
            made._same.setdefault(tuple(text), row)
            for run in made._runs_of(text):
                runs[run].append(row)
            for token in made._rarest(text):
                begin[token].append(row)
        made._runs.update(runs)
        made._begin.update(begin)
        return made

    def copied(self, text: Words) -> str | None:
        """Return in words the row that a text is a copy of, and the evidence; None if it is not a copy."""
        if (row := self._same.get(tuple(text))) is not None:
            return f"of {self.settings.path} row {row}: the same words"
        for row, share in self._shared_runs(text):
            return f"of {self.settings.path} row {row}: {share:.0%} of the runs of words"
        for row, share in self._shared_words(text):
            return f"of {self.settings.path} row {row}: {share:.0%} of the words"
        return None

    def _runs_of(self, text: Words) -> set[tuple[str, ...]]:
        long = self.settings.ngram
        if len(text) < long:
            return {tuple(text)} if len(text) >= SHORTEST else set()
        return set(_windows(text, long))

    def _shared_runs(self, text: Words) -> Iterator[tuple[int, float]]:
        """Yield the row with the greatest share of runs in common, if it is large enough."""
        own = self._runs_of(text)
        short = (
            run for long in range(SHORTEST, self.settings.ngram) for run in _windows(text, long)
        )
        found = Counter(row for run in own for row in self._runs.get(run, ()))
        inside = {row: 1.0 for run in short for row in self._runs.get(run, ())}
        shares = {
            row: number / min(len(own), len(self._runs_of(self.texts[row])))
            for row, number in found.items()
        } | inside
        yield from _best(shares, self.settings.max_share)

    def _shared_words(self, text: Words) -> Iterator[tuple[int, float]]:
        """Yield the row with the greatest share of words in common, if it is large enough."""
        candidates = {row for token in self._rarest(text) for row in self._begin.get(token, ())}
        mine = Counter(text)
        shares = {}
        for row in candidates:
            common = (mine & Counter(self.texts[row])).total()
            shares[row] = 2 * common / (len(text) + len(self.texts[row]))
        yield from _best(shares, self.settings.max_words)

    def _rarest(self, text: Words) -> list[Token]:
        """Return enough of a text's rarest words that any text with enough words in common has one of them
        among its own rarest (prefix filtering: Chaudhuri, Ganti and Kaushik 2006)."""
        share = self.settings.max_words
        least = math.ceil(share / (2 - share) * len(text) - 1e-9)
        ordered = sorted(_tokens(text), key=lambda token: (self._frequency[token], token))
        return ordered[: len(text) - max(least, 1) + 1]


def open_evaluations(sources: Sources, language: str) -> tuple[EvaluationSet, ...]:
    """Return the evaluation sets that ``sources.decontaminate`` names.

    Raises:
        SourceError: a file is missing, has an unknown format, or has no text in the column.
    """
    return tuple(
        _open(settings, f"sources.decontaminate.{number}", language)
        for number, settings in enumerate(sources.decontaminate)
    )


def find_copies(
    texts: Sequence[str], sets: Sequence[EvaluationSet], language: str
) -> Iterator[str | None]:
    """Yield for each text what it is a copy of, in words; None if it is not a copy."""
    if not sets:
        yield from (None for _ in texts)
        return
    for text in _in_words(texts, language):
        yield next((found for one in sets if (found := one.copied(text))), None)


def _open(settings: Decontaminate, key: str, language: str) -> EvaluationSet:
    source = Source(
        path=settings.path,
        columns=Columns(prompt=settings.column),
        delimiter=settings.delimiter,
        quote=settings.quote,
        encoding=settings.encoding,
        format=settings.format,
    )
    opened = open_source(source, key, Wanted(settings.column))
    texts: dict[int, str] = {}
    names = set(opened.columns)
    read = 0
    for raw in opened.rows():
        read += 1
        names |= set(raw.record or ())
        text = _text((raw.record or {}).get(settings.column), settings.column)
        if text and text.strip():
            # Lone surrogates are in no prompt that is kept, and not in a table of polars either.
            texts[raw.row] = text.encode("utf-8", "replace").decode("utf-8")
    if names and settings.column not in names:
        raise SourceError(
            f"{key}.column: {settings.path} has no column {settings.column!r}; it has: "
            f"{', '.join(sorted(names))}"
        )
    if not texts:
        raise SourceError(
            f"{key}.path: none of the {read} rows of {settings.path} has text in {settings.column!r}"
        )
    if len(texts) < read:
        log.warning(
            "sources: %d of %d rows of %s have no text in %r, so no prompt is compared with them",
            read - len(texts), read, settings.path, settings.column,
        )  # fmt: skip
    in_words = dict(zip(texts, _in_words(list(texts.values()), language), strict=True))
    return EvaluationSet.of(settings, opened.identity, in_words)


def _text(value: Any, column: str) -> str | None:
    """Return a prompt's text, also of a conversation of several turns."""
    try:
        turns = conversation(value, column)
    except Unusable:
        return None
    if turns is not None:
        return " ".join(turn.content for turn in turns if turn.role == "user")
    return value if isinstance(value, str) else None


def _in_words(texts: Sequence[str], language: str) -> Iterator[list[str]]:
    spaced = get_language(language).spaced
    for begin in range(0, len(texts), _AT_ONCE):
        part = pl.Series(texts[begin : begin + _AT_ONCE], dtype=pl.String).str.normalize("NFKC")
        # Invisible characters must not hide a copy.
        part = part.str.replace_all(r"\p{Cf}+", "").str.replace_all("’", "'", literal=True)
        found = words(part, spaced=spaced).to_list()
        for text, plain in zip(found, part, strict=True):
            # Without any word, symbols are compared.
            yield text or plain.split()


def _windows(text: Words, length: int) -> Iterator[tuple[str, ...]]:
    return (tuple(text[at : at + length]) for at in range(len(text) - length + 1))


def _tokens(text: Words) -> Iterator[Token]:
    """Yield every word with the number of its earlier occurrences: a word that occurs twice is two tokens."""
    seen: Counter[str] = Counter()
    for word in text:
        yield word, seen[word]
        seen[word] += 1


def _best(shares: Mapping[int, float], least: float) -> Iterator[tuple[int, float]]:
    good = [(share, -row) for row, share in shares.items() if share >= least - 1e-9]
    if good:
        share, row = max(good)
        yield -row, share
