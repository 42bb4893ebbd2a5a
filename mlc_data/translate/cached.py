"""A translator with its cache in front."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mlc_data.translate.cache.store import Cache
from mlc_data.translate.engines.base import Decoding, Hypothesis, Request, Translator


@dataclass(frozen=True)
class Answers:
    """Hypotheses by request, and the requests that the cache answered."""

    hypotheses: dict[Request, Hypothesis]
    known: frozenset[Request]

    @property
    def translated(self) -> int:
        """Number of requests that the translator answered."""
        return len(self.hypotheses) - len(self.known)


@dataclass(frozen=True)
class CachedTranslator:
    """A translator and its cache; without a cache every request is translated."""

    translator: Translator
    cache: Cache | None

    def translate(
        self,
        requests: Iterable[Request],
        decoding: Decoding | None = None,
        done: Callable[[int], None] | None = None,
    ) -> Answers:
        """Return the hypothesis of each distinct request; ``done`` is called with the number of requests,
        repeated ones included, that were just answered."""
        times = Counter(requests)
        hypotheses = self.cache.get(list(times), decoding) if self.cache else {}
        known = frozenset(hypotheses)
        missing = [request for request in times if request not in known]
        if done:
            done(sum(times[request] for request in known))

        def keep(indices: Sequence[int], new: Sequence[Hypothesis]) -> None:
            fresh = dict(zip((missing[index] for index in indices), new, strict=True))
            if self.cache:
                self.cache.put(fresh, decoding)
            hypotheses.update(fresh)
            if done:
                done(sum(times[request] for request in fresh))

        if missing:
            self.translator.translate(missing, keep, decoding)
        return Answers(hypotheses, known)

    def translate_nbest(
        self, requests: Iterable[Request], decoding: Decoding
    ) -> tuple[dict[Request, list[Hypothesis]], int]:
        """Return the ``decoding.num_hypotheses`` best of each distinct request, and the number of requests
        that the translator answered."""
        distinct = list(dict.fromkeys(requests))
        hypotheses = self.cache.get_nbest(distinct, decoding) if self.cache else {}
        missing = [request for request in distinct if request not in hypotheses]
        if missing:
            lists = self.translator.translate_nbest(missing, decoding)
            fresh = dict(zip(missing, lists, strict=True))
            if self.cache:
                self.cache.put_nbest(fresh, decoding)
            hypotheses.update(fresh)
        return hypotheses, len(missing)
