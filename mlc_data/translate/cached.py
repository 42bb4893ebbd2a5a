"""Asking a translator, with its cache before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from mlc_data.translate.cache.store import Cache
from mlc_data.translate.engines.base import Decoding, Hypothesis, Request, Translator
from mlc_data.translate.masking import Mask, Masking


@dataclass(frozen=True)
class Answers:
    """Hypotheses by request, the requests that the cache answered, and how many masked ones it did not."""

    found: dict[Request, Hypothesis]
    known: frozenset[Request]
    masked: int = 0

    @property
    def translated(self) -> int:
        """How many requests the translator answered."""
        return len(self.found) - len(self.known) + self.masked


@dataclass(frozen=True)
class Asker:
    """A translator and its cache; without a cache everything is translated.

    ``mask`` says when what must stay as it is is hidden from the translator, see `masking`.
    """

    translator: Translator
    cache: Cache | None
    mask: Mask = "never"

    def ask(
        self,
        requests: Iterable[Request],
        decoding: Decoding | None = None,
        done: Callable[[int], None] | None = None,
        origins: Mapping[Request, str] | None = None,
    ) -> Answers:
        """The hypothesis of each distinct request; ``done`` is told how many requests, repeated ones
        included, were answered just now. ``origins`` has the prompt's sentence of requests that translate
        back, see `Masking`."""
        requests = list(requests)
        answers = self._asked(requests, decoding, done)
        if self.mask == "never":
            return answers
        translated = 0

        def again(hidden: Iterable[Request]) -> dict[Request, Hypothesis]:
            nonlocal translated
            more = self._asked(hidden, decoding, None)
            translated += more.translated
            return more.found

        masking = Masking(again, origins or {})
        found = {**answers.found}
        if self.mask == "always":
            found |= masking.first(requests)
        found |= masking.again(found)
        return Answers(found, answers.known, translated)

    def _asked(
        self,
        requests: Iterable[Request],
        decoding: Decoding | None,
        done: Callable[[int], None] | None,
    ) -> Answers:
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
