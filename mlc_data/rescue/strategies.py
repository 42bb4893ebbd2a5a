"""Translating a variant again, another way: the rungs of the ladder, from the cheapest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import polars as pl
from sacrebleu.metrics import CHRF

from mlc_data.core.records import TRANSLATIONS
from mlc_data.recipe.recipe import Rescue
from mlc_data.translate.cached import Asker
from mlc_data.translate.engines.base import Decoding, Hypothesis, Request
from mlc_data.translate.rows import Translated, frame_of
from mlc_data.translate.sentences import Segments, split


class RescueStrategy(StrEnum):
    """How a variant was translated."""

    FIRST = "first"  # as the recipe's `translate` says
    SPLIT = "split"  # sentences split at their clauses
    SEARCH = "search"  # another beam, with a repetition penalty and no repeated n-grams
    NBEST = "nbest"  # of several hypotheses, the one whose round trip is best
    MODEL = "model"  # a second model


Hypotheses = dict[Request, Hypothesis]


@dataclass
class Retry:
    """Translates variants again. ``second`` is the model of the last rung, if there is one.

    ``translated`` counts the sentences that an engine, not a cache, has translated so far.
    """

    asker: Asker
    second: Asker | None
    source: str
    settings: Rescue
    round_trip: bool
    translated: int = 0
    _chrf: CHRF = field(default_factory=lambda: CHRF(word_order=2))

    def attempt(self, rung: RescueStrategy, variants: pl.DataFrame) -> pl.DataFrame:
        """`records.TRANSLATIONS` of variants, by one rung.

        Args:
            rung: not `RescueStrategy.FIRST`.
            variants: columns ``prompt_id``, ``language`` and ``source``.

        Returns:
            Rows in the same order; without those for which the rung changes nothing.
        """
        columns = ("prompt_id", "language", "source")
        rows = list(variants.select(columns).iter_rows())
        splits = {text: split(text, self.source) for _, _, text in rows}
        if rung is RescueStrategy.SPLIT:
            finer = {text: split(text, self.source, finer=True) for text in splits}
            rows = [row for row in rows if finer[row[2]] != splits[row[2]]]
            splits = finer
        requests = [
            Request(sentence, self.source, language)
            for _, language, text in rows
            for sentence in splits[text].plain
        ]
        made, back = self._both_ways(rung, requests)
        return frame_of(
            (prompt_id, text, self._variant(splits[text], language, made, back))
            for prompt_id, language, text in rows
        )

    def _variant(
        self, segments: Segments, language: str, made: Hypotheses, back: Hypotheses
    ) -> Translated:
        return Translated(
            segments=segments,
            source=self.source,
            target=language,
            made=made,
            back=back,
            known=frozenset(),
        )

    def _both_ways(
        self, rung: RescueStrategy, requests: Sequence[Request]
    ) -> tuple[Hypotheses, Hypotheses]:
        if rung is RescueStrategy.NBEST:
            return self._best_round_trips(requests)
        asker = self.second if rung is RescueStrategy.MODEL and self.second else self.asker
        decoding = self._search() if rung is RescueStrategy.SEARCH else None
        made = self._ask(asker, requests, decoding)
        if not self.round_trip:
            return made, {}
        origins = {
            back: request.text for request in requests if (back := _back(request, made[request]))
        }
        return made, self._ask(asker, list(origins), decoding, origins)

    def _ask(
        self,
        asker: Asker,
        requests: Sequence[Request],
        decoding: Decoding | None,
        origins: Mapping[Request, str] | None = None,
    ) -> Hypotheses:
        answers = asker.ask(requests, decoding, origins=origins)
        self.translated += answers.translated
        return answers.found

    def _search(self) -> Decoding:
        chosen = self.settings.search
        return replace(
            self.asker.translator.decoding,
            beam_size=chosen.beam_size,
            no_repeat_ngram_size=chosen.no_repeat_ngram_size,
            repetition_penalty=chosen.repetition_penalty,
        )

    def _best_round_trips(self, requests: Sequence[Request]) -> tuple[Hypotheses, Hypotheses]:
        """Of each request's hypotheses the one whose back-translation has the highest chrF++; the
        first of equals. Without a back-translation there is nothing to choose by."""
        many = self.settings.hypotheses
        decoding = replace(
            self.asker.translator.decoding,
            beam_size=max(many, self.asker.translator.decoding.beam_size),
            num_hypotheses=many,
        )
        lists, translated = self.asker.ask_nbest(requests, decoding)
        self.translated += translated
        origins = {
            returned: request.text
            for request, found in lists.items()
            for one in found
            if (returned := _back(request, one))
        }
        back = self._ask(self.asker, list(origins), None, origins)
        made = {
            request: max(found, key=lambda one: self._agreement(request, one, back))
            for request, found in lists.items()
        }
        return made, back

    def _agreement(self, request: Request, one: Hypothesis, back: Hypotheses) -> float:
        if one.text is None:
            return -1.0
        returned = back[Request(one.text, request.target, request.source)].text
        return (
            0.0
            if returned is None
            else float(self._chrf.sentence_score(returned, [request.text]).score)
        )


def _back(request: Request, one: Hypothesis) -> Request | None:
    return None if one.text is None else Request(one.text, request.target, request.source)


ATTEMPT_COLUMNS: dict[str, pl.DataType] = {**TRANSLATIONS, "rung": pl.String()}
"""A variant that was translated again, and by which rung (`RescueStrategy`)."""
