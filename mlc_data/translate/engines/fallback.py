"""Several engines for one language: each takes the sentences that those before it failed on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from mlc_data.errors import ModelError
from mlc_data.translate.engines.base import Decoding, Done, Hypothesis, Request, Translator

_NEXT = "next"
"""Begins figures of sentences that went to the next engine, by reason."""


@dataclass(frozen=True)
class _Call:
    """One call of `FallbackTranslator.translate`: its arguments, and the results so far by index."""

    requests: Sequence[Request]
    done: Done | None
    decoding: Decoding | None
    results: dict[int, Hypothesis] = field(default_factory=dict)


class FallbackTranslator:
    """Engines in the order in which they are asked. See `Translator`.

    ``id`` and ``revision`` list those of all, joined by `` > ``; ``licence`` lists every license. A sentence has failed
    if the last engine that knows its languages failed on it.
    """

    def __init__(self, parts: Sequence[Translator]) -> None:
        """Take the engines in order (at least 1)."""
        self._parts = tuple(parts)
        self.id = " > ".join(part.id for part in parts)
        self.revision = " > ".join(part.revision for part in parts)
        self.licence = " AND ".join(sorted({part.licence for part in parts}))
        self.languages = frozenset[str]().union(*(part.languages for part in parts))
        self.decoding = parts[-1].decoding
        self._chosen: dict[tuple[Translator, ...], Translator] = {}
        self._figures, self._lock = Counter[str](), Lock()

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of every engine, in order."""
        return {"engine": "fallback-1", "parts": [part.settings for part in self._parts]}

    def part(self, source: str, target: str) -> Translator:
        """Return the engines that know both languages, as one translator."""
        reasons, able = [], list[Translator]()
        for part in self._parts:
            try:
                able.append(part.part(source, target))
            except ModelError as error:
                reasons.append(f"{part.id} {error}")
        if not able:
            raise ModelError("; ".join(reasons))
        if tuple(able) == self._parts:
            return self
        return self._chosen.setdefault(tuple(able), FallbackTranslator(able))

    def translate(
        self,
        requests: Sequence[Request],
        done: Done | None = None,
        decoding: Decoding | None = None,
    ) -> list[Hypothesis]:
        """See `Translator`."""
        call = _Call(requests, done, decoding)
        left = list(range(len(requests)))
        for number, part in enumerate(self._parts):
            if left:
                last = number == len(self._parts) - 1
                left = self._ask(part, left, call, last=last)
        return [call.results[index] for index in range(len(requests))]

    def translate_nbest(
        self, requests: Sequence[Request], decoding: Decoding
    ) -> list[list[Hypothesis]]:
        """See `Translator`; all hypotheses of a sentence come from one engine."""
        results = self._parts[0].translate_nbest(requests, decoding)
        for part in self._parts[1:]:
            left = [
                index
                for index, several in enumerate(results)
                if all(one.failure for one in several)
            ]
            if left:
                again = part.translate_nbest([requests[index] for index in left], decoding)
                for index, several in zip(left, again, strict=True):
                    results[index] = several
        return results

    def take_figures(self) -> Counter[str]:
        """Return the figures of all engines since the last call, and sentences by engine, language and outcome."""
        with self._lock:
            figures, self._figures = self._figures, Counter()
        for part in (*self._parts, *self._chosen.values()):
            figures.update(figures_of(part))
        return figures

    def _ask(
        self, part: Translator, places: Sequence[int], call: _Call, *, last: bool
    ) -> list[int]:
        """Ask one engine; return the sentences that go to the next one."""
        left: list[int] = []

        def finish(indices: Sequence[int], hypotheses: Sequence[Hypothesis]) -> None:
            kept: list[int] = []
            for index, hypothesis in zip(indices, hypotheses, strict=True):
                place = places[index]
                passes_on = hypothesis.failure is not None and not last
                self._count(part, call.requests[place], hypothesis, passes_on=passes_on)
                call.results[place] = hypothesis
                (left if passes_on else kept).append(place)
            if call.done and kept:
                call.done(kept, [call.results[place] for place in kept])

        part.translate([call.requests[place] for place in places], finish, call.decoding)
        return sorted(left)

    def _count(
        self, part: Translator, request: Request, hypothesis: Hypothesis, *, passes_on: bool
    ) -> None:
        pair = (
            request.target if request.source == "eng_Latn" else f"{request.source}>{request.target}"
        )
        outcome = "translated" if hypothesis.failure is None else hypothesis.failure.value
        with self._lock:
            self._figures[
                f"{part.id}/{pair}/{f'{_NEXT}: {outcome}' if passes_on else outcome}"
            ] += 1


def figures_of(translator: Translator) -> Counter[str]:
    """Return the figures that a translator has kept since the last call; none of engines that keep none."""
    take = getattr(translator, "take_figures", None)
    return take() if take else Counter()
