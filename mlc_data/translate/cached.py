"""A translator with its cache in front."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mlc_data.translate.cache.store import Cache
from mlc_data.translate.engine_errors import nbest_apart, of_error, translate_apart
from mlc_data.translate.engines.base import Decoding, Hypothesis, Request, Translator
from mlc_data.translate.masking import Mask, Masking


@dataclass(frozen=True)
class Answers:
    """Hypotheses by request, the requests that the cache answered, and how many masked ones it did not."""

    hypotheses: dict[Request, Hypothesis]
    known: frozenset[Request]
    masked: int = 0

    @property
    def translated(self) -> int:
        """Number of requests that the translator answered."""
        return len(self.hypotheses) - len(self.known) + self.masked


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
        translated = 0

        def again(hidden: Iterable[Request]) -> dict[Request, Hypothesis]:
            nonlocal translated
            more = self._translate(hidden, decoding, None)
            translated += more.translated
            return more.hypotheses

        masking = Masking(again, origins or {})
        hypotheses = {**answers.hypotheses}
        if self.mask == "always":
            hypotheses |= masking.first(requests)
        hypotheses |= masking.again(hypotheses)
        return Answers(hypotheses, answers.known, translated)

    def _translate(
        self,
        requests: Iterable[Request],
        decoding: Decoding | None,
        done: Callable[[int], None] | None,
    ) -> Answers:
        times = Counter(requests)
        hypotheses = self.cache.get(list(times), decoding) if self.cache else {}
        known = frozenset(hypotheses)
        missing = [request for request in times if request not in known]
        if done:
            done(sum(times[request] for request in known))

        def keep(indices: Sequence[int], new: Sequence[Hypothesis]) -> None:
            fresh = dict(zip((missing[index] for index in indices), new, strict=True))
            if self.cache:
                self.cache.put({r: h for r, h in fresh.items() if not of_error(h)}, decoding)
            hypotheses.update(fresh)
            if done:
                done(sum(times[request] for request in fresh))

        if missing:
            translate_apart(self.translator, missing, keep, decoding)
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
            lists = nbest_apart(self.translator, missing, decoding)
            fresh = dict(zip(missing, lists, strict=True))
            if self.cache:
                whole = {r: several for r, several in fresh.items() if not of_error(several[0])}
                self.cache.put_nbest(whole, decoding)
            hypotheses.update(fresh)
        return hypotheses, len(missing)
