"""Rescue strategies: other ways to translate a variant again, the cheapest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

import polars as pl

from mlc_data.recipe.recipe import Rescue
from mlc_data.translate.cached import CachedTranslator
from mlc_data.translate.engines.base import Decoding, Hypothesis, Request
from mlc_data.translate.rows import Translated, frame_of
from mlc_data.translate.sentences import Segments, split


class RescueStrategy(StrEnum):
    """Strategy that a variant was translated with."""

    FIRST = "first"  # as the recipe's `translate` says
    SPLIT = "split"  # sentences split at their clauses
    SEARCH = "search"  # another beam, with a repetition penalty and no repeated n-grams
    NBEST = "nbest"  # of several hypotheses, the one whose round trip is best
    CANDIDATES = "candidates"  # of several hypotheses, the one with the best scores of the checks
    MODEL = "model"  # a second model


Hypotheses = dict[Request, Hypothesis]


@dataclass
class Retry:
    """Translates variants again. ``second`` is the model of the strategy ``model``, if there is one.

    ``translated`` counts the sentences that an engine, not a cache, has translated so far; ``figures`` are those of
    the engines, see `engine_figures.figures_of`.
    """

    first: CachedTranslator
    second: CachedTranslator | None
    source: str
    settings: Rescue
    round_trip: bool
    translated: int = 0
    figures: Counter[str] = field(default_factory=Counter)

    @cached_property
    def _chrf(self) -> Any:
        from sacrebleu.metrics import CHRF

        return CHRF(word_order=2)

    def attempt(self, strategy: RescueStrategy, variants: pl.DataFrame) -> pl.DataFrame:
        """Return `records.TRANSLATIONS` of variants, made with one strategy.

        Args:
            strategy: any but `RescueStrategy.FIRST`.
            variants: columns ``prompt_id``, ``language`` and ``source``.

        Returns:
            Rows in the same order; without those for which the strategy changes nothing.
        """
        columns = ("prompt_id", "language", "source")
        rows = list(variants.select(columns).iter_rows())
        splits = {text: split(text, self.source) for _, _, text in rows}
        if strategy is RescueStrategy.SPLIT:
            finer = {text: split(text, self.source, finer=True) for text in splits}
            rows = [row for row in rows if finer[row[2]] != splits[row[2]]]
            splits = finer
        requests = self._requests(rows, splits)
        forth, back = self._both_ways(strategy, requests)
        return self._frame(rows, splits, forth, back)

    def candidates(self, variants: pl.DataFrame) -> list[pl.DataFrame]:
        """Return `records.TRANSLATIONS` of variants, as often as there are candidates, the best first.

        Args:
            variants: columns ``prompt_id``, ``language`` and ``source``.
        """
        rows = list(variants.select("prompt_id", "language", "source").iter_rows())
        splits = {text: split(text, self.source) for _, _, text in rows}
        lists, back = self._several(self._requests(rows, splits))
        return [
            self._frame(
                rows,
                splits,
                {each: several[min(place, len(several) - 1)] for each, several in lists.items()},
                back if self.round_trip else {},
            )
            for place in range(self.settings.hypotheses)
        ]

    def _requests(
        self, rows: Iterable[tuple[str, str, str]], splits: Mapping[str, Segments]
    ) -> list[Request]:
        return [
            Request(sentence, self.source, language)
            for _, language, text in rows
            for sentence in splits[text].plain
        ]

    def _frame(
        self,
        rows: Iterable[tuple[str, str, str]],
        splits: Mapping[str, Segments],
        forth: Hypotheses,
        back: Hypotheses,
    ) -> pl.DataFrame:
        return frame_of(
            (
                prompt_id,
                text,
                Translated(splits[text], self.source, language, forth, back, frozenset()),
            )
            for prompt_id, language, text in rows
        )

    def _both_ways(
        self, strategy: RescueStrategy, requests: Sequence[Request]
    ) -> tuple[Hypotheses, Hypotheses]:
        if strategy is RescueStrategy.NBEST:
            return self._best_round_trips(requests)
        engine = self.second if strategy is RescueStrategy.MODEL and self.second else self.first
        decoding = self._search() if strategy is RescueStrategy.SEARCH else None
        forth = self._translate(engine, requests, decoding)
        if not self.round_trip:
            return forth, {}
        origins = {
            back: request.text for request in requests if (back := _back(request, forth[request]))
        }
        return forth, self._translate(engine, list(origins), decoding, origins)

    def _translate(
        self,
        engine: CachedTranslator,
        requests: Sequence[Request],
        decoding: Decoding | None,
        origins: Mapping[Request, str] | None = None,
    ) -> Hypotheses:
        answers = engine.translate(requests, decoding, origins=origins)
        self.translated += answers.translated
        self.figures.update(answers.figures)
        return answers.hypotheses

    def _search(self) -> Decoding:
        return replace(self.first.translator.decoding, **self.settings.search.model_dump())

    def _best_round_trips(self, requests: Sequence[Request]) -> tuple[Hypotheses, Hypotheses]:
        """Return for each request the hypothesis whose back-translation has the highest chrF++, the
        first of equals, and the back-translations."""
        lists, back = self._several(requests)
        forth = {
            request: max(several, key=lambda each: self._agreement(request, each, back))
            for request, several in lists.items()
        }
        return forth, back

    def _several(
        self, requests: Sequence[Request]
    ) -> tuple[dict[Request, list[Hypothesis]], Hypotheses]:
        """Return the hypotheses of each request, best first, and the back-translations of all."""
        many = self.settings.hypotheses
        decoding = replace(
            self.first.translator.decoding,
            beam_size=max(many, self.first.translator.decoding.beam_size),
            num_hypotheses=many,
        )
        lists = self.first.translate_nbest(requests, decoding)
        self.translated += lists.translated
        self.figures.update(lists.figures)
        origins = {
            returned: request.text
            for request, several in lists.hypotheses.items()
            for each in several
            if (returned := _back(request, each))
        }
        return lists.hypotheses, self._translate(self.first, list(origins), None, origins)

    def _agreement(self, request: Request, hypothesis: Hypothesis, back: Hypotheses) -> float:
        if hypothesis.text is None:
            return -1.0
        returned = back[Request(hypothesis.text, request.target, request.source)].text
        if returned is None:
            return 0.0
        return float(self._chrf.sentence_score(returned, [request.text]).score)


def _back(request: Request, hypothesis: Hypothesis) -> Request | None:
    if hypothesis.text is None:
        return None
    return Request(hypothesis.text, request.target, request.source)
