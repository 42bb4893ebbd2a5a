"""Asking a translator, with its cache before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mlc_data.translate.cache.store import Cache
from mlc_data.translate.engines.base import Decoding, Hypothesis, Request, Translator


@dataclass(frozen=True)
class Answers:
    """Hypotheses by request, and the requests that the cache answered."""

    found: dict[Request, Hypothesis]
    known: frozenset[Request]

    @property
    def translated(self) -> int:
        """How many requests the translator answered."""
        return len(self.found) - len(self.known)


@dataclass(frozen=True)
class Asker:
    """A translator and its cache; without a cache everything is translated."""

    translator: Translator
    cache: Cache | None

    def ask(
        self,
        requests: Iterable[Request],
        decoding: Decoding | None = None,
        done: Callable[[int], None] | None = None,
    ) -> Answers:
        """The hypothesis of each distinct request; ``done`` is told how many requests, repeated ones
        included, were answered just now."""
        times = Counter(requests)
        found = self.cache.get(list(times), decoding) if self.cache else {}
        known = frozenset(found)
        missing = [request for request in times if request not in known]
        if done:
            done(sum(times[request] for request in known))

        def keep(indices: Sequence[int], hypotheses: Sequence[Hypothesis]) -> None:
            fresh = {missing[i]: one for i, one in zip(indices, hypotheses, strict=True)}
            if self.cache:
                self.cache.put(fresh, decoding)
            found.update(fresh)
            if done:
                done(sum(times[request] for request in fresh))

        if missing:
            self.translator.translate(missing, keep, decoding)
        return Answers(found, known)

    def ask_nbest(
        self, requests: Iterable[Request], decoding: Decoding
    ) -> tuple[dict[Request, list[Hypothesis]], int]:
        """The ``decoding.num_hypotheses`` best of each distinct request, and how many requests the
        translator answered."""
        distinct = list(dict.fromkeys(requests))
        found = self.cache.get_nbest(distinct, decoding) if self.cache else {}
        missing = [request for request in distinct if request not in found]
        if missing:
            lists = self.translator.translate_nbest(missing, decoding)
            fresh = dict(zip(missing, lists, strict=True))
            if self.cache:
                self.cache.put_nbest(fresh, decoding)
            found.update(fresh)
        return found, len(missing)
