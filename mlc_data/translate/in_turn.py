"""Engines in turn, each with its cache in front: what one fails on goes to the next one of its language.

Each engine's answers are cached under its own identity, failures too. So an engine that is added to a language, or
taken from it, leaves what the others answered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from mlc_data.translate.cache.store import Cache
from mlc_data.translate.engine_errors import nbest_apart, of_error, translate_apart
from mlc_data.translate.engine_figures import figures_of
from mlc_data.translate.engines.base import (
    Decoding,
    Hypothesis,
    Request,
    Translator,
    refuse_pairs,
)
from mlc_data.translate.engines.fallback import engines_of

Several = Mapping[Request, Sequence[Hypothesis]]
_Chain = tuple[Translator, tuple[Translator, ...]]
"""Translator of a pair of languages, and its engines."""


@dataclass
class InTurn:
    """Translation of requests by the engines of their languages.

    Attributes:
        translator: the engines.
        cache: answers before each engine; None where there is none.
        decoding: None is the translator's own.
        answered: called with each request that has its result.
        results: hypotheses of each request (one, or `Decoding.num_hypotheses`), best first.
        asked: requests that an engine, not the cache, answered.
        figures: of all answers, cached or not; see `figures_of`.
    """

    translator: Translator
    cache: Cache | None
    decoding: Decoding | None
    answered: Callable[[Iterable[Request]], None] = lambda requests: None
    results: dict[Request, Sequence[Hypothesis]] = field(default_factory=dict)
    asked: set[Request] = field(default_factory=set)
    figures: Counter[str] = field(default_factory=Counter)
    _chains: dict[tuple[str, str], _Chain] = field(default_factory=dict)

    def translate(self, requests: Iterable[Request]) -> None:
        """Fill in the results of distinct requests.

        Raises:
            ModelError: a request has no engine.
            MlcDataError: an engine's own error, or it raises on many sentences.
        """
        left, number = list(requests), 0
        refuse_pairs(self.translator, {(each.source, each.target) for each in left})
        while left:
            before = left
            cached = self._cached(left, number)
            next_ones = self._settle(cached, number)
            for engine, share in self._shares([r for r in left if r not in cached], number):
                next_ones |= self._ask(engine, share, number)
            # In one order, whichever answer came first: batches decide about the last digits of scores.
            left, number = [request for request in before if request in next_ones], number + 1

    @property
    def _many(self) -> bool:
        return self.decoding is not None and self.decoding.num_hypotheses > 1

    def _cached(self, requests: Sequence[Request], number: int) -> Several:
        if self.cache is None:
            return {}
        if self.decoding is not None and self._many:
            return self.cache.get_nbest(requests, self.decoding, number)
        found = self.cache.get_of(requests, self.decoding, number)
        return {request: [hypothesis] for request, hypothesis in found.items()}

    def _keep(self, new: Several, number: int) -> None:
        whole = {
            request: several for request, several in new.items() if not any(map(of_error, several))
        }
        if self.cache is None:
            return
        if self.decoding is not None and self._many:
            self.cache.put_nbest(whole, self.decoding, number)
        else:
            self.cache.put({r: several[0] for r, several in whole.items()}, self.decoding, number)

    def _shares(
        self, requests: Iterable[Request], number: int
    ) -> list[tuple[Translator, list[Request]]]:
        shares: dict[int, tuple[Translator, list[Request]]] = {}
        for request in requests:
            engine = self._chain(request)[1][number]
            shares.setdefault(id(engine), (engine, []))[1].append(request)
        return list(shares.values())

    def _chain(self, request: Request) -> _Chain:
        pair = (request.source, request.target)
        if pair not in self._chains:
            part = self.translator.part(*pair)
            self._chains[pair] = (part, engines_of(part, *pair))
        return self._chains[pair]

    def _ask(self, engine: Translator, share: Sequence[Request], number: int) -> set[Request]:
        """Ask one engine; return the requests that go to the next one."""
        next_ones: set[Request] = set()

        def receive(indices: Sequence[int], lists: Sequence[Sequence[Hypothesis]]) -> None:
            new = dict(zip((share[index] for index in indices), lists, strict=True))
            self._keep(new, number)
            self.asked.update(new)
            next_ones.update(self._settle(new, number))

        if self.decoding is not None and self._many:
            receive(range(len(share)), nbest_apart(engine, share, self.decoding))
            return next_ones

        def finish(indices: Sequence[int], hypotheses: Sequence[Hypothesis]) -> None:
            receive(indices, [[each] for each in hypotheses])

        decoding = self.decoding
        if decoding is None and engine is not self.translator:
            decoding = self.translator.decoding
        translate_apart(engine, share, finish, decoding)
        return next_ones

    def _settle(self, new: Several, number: int) -> set[Request]:
        """Take the answers of the engines at one place; return the requests that go to the next ones."""
        left: set[Request] = set()
        for request, several in new.items():
            part, chain = self._chain(request)
            failed = all(each.failure for each in several)
            if failed and number + 1 < len(chain):
                left.add(request)
            else:
                self.results[request] = several
            self.figures.update(
                figures_of(part, chain[number], request, several, passes_on=request in left)
            )
        self.answered([request for request in new if request not in left])
        return left
