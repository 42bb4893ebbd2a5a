"""A translator with its cache in front."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from mlc_data.translate.cache.store import Cache
from mlc_data.translate.engines.base import Decoding, Hypothesis, Request, Translator
from mlc_data.translate.in_turn import InTurn
from mlc_data.translate.masking import Mask, Masking


@dataclass(frozen=True)
class Answers:
    """Hypotheses by request, the requests that the cache answered, and how many masked ones it did not.

    ``figures`` are those of the engines, see `engine_figures.figures_of`.
    """

    hypotheses: dict[Request, Hypothesis]
    known: frozenset[Request]
    masked: int = 0
    figures: Counter[str] = field(default_factory=Counter)

    @property
    def translated(self) -> int:
        """Number of requests that the translator answered."""
        return len(self.hypotheses) - len(self.known) + self.masked


@dataclass(frozen=True)
class Lists:
    """Hypotheses by request, best first, how many requests the cache did not answer, and the engines' figures."""

    hypotheses: dict[Request, list[Hypothesis]]
    translated: int
    figures: Counter[str]


@dataclass(frozen=True)
class CachedTranslator:
    """A translator and its cache; without a cache every request is translated.

    Attributes:
        translator: the engine.
        cache: answers before the engine; None where there is none.
        mask: when spans that must stay as they are are hidden from the translator, see `Masking`.
    """

    translator: Translator
    cache: Cache | None
    mask: Mask = "never"

    def translate(
        self,
        requests: Iterable[Request],
        decoding: Decoding | None = None,
        done: Callable[[int], None] | None = None,
        origins: Mapping[Request, str] | None = None,
    ) -> Answers:
        """Return the hypothesis of each distinct request; ``done`` is called with the number of requests,
        repeated ones included, that were just answered. ``origins`` has the prompt's sentence of requests
        that translate back, see `Masking`."""
        requests = list(requests)
        answers = self._translate(requests, decoding, done)
        if self.mask == "never":
            return answers
        translated, figures = 0, answers.figures

        def again(hidden: Iterable[Request]) -> dict[Request, Hypothesis]:
            nonlocal translated
            more = self._translate(hidden, decoding, None)
            translated += more.translated
            figures.update(more.figures)
            return more.hypotheses

        masking = Masking(again, origins or {})
        hypotheses = {**answers.hypotheses}
        if self.mask == "always":
            hypotheses |= masking.first(requests)
        hypotheses |= masking.again(hypotheses)
        return Answers(hypotheses, answers.known, translated, figures)

    def _translate(
        self,
        requests: Iterable[Request],
        decoding: Decoding | None,
        done: Callable[[int], None] | None,
    ) -> Answers:
        times = Counter(requests)

        def answered(new: Iterable[Request]) -> None:
            if done:
                done(sum(times[request] for request in new))

        turn = InTurn(self.translator, self.cache, decoding, answered)
        turn.translate(times)
        hypotheses = {request: several[0] for request, several in turn.results.items()}
        known = frozenset(hypotheses.keys() - turn.asked)
        return Answers(hypotheses, known, figures=turn.figures)

    def translate_nbest(self, requests: Iterable[Request], decoding: Decoding) -> Lists:
        """Return the ``decoding.num_hypotheses`` best of each distinct request."""
        turn = InTurn(self.translator, self.cache, decoding)
        turn.translate(dict.fromkeys(requests))
        lists = {request: list(several) for request, several in turn.results.items()}
        return Lists(lists, len(turn.asked), turn.figures)
