"""Several engines for one language: each takes the sentences that those before it failed on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlc_data.errors import ModelError
from mlc_data.translate.engines.base import Decoding, Done, Hypothesis, Request, Translator


class FallbackTranslator:
    """Engines in the order in which they are asked. See `Translator`.

    ``id`` and ``revision`` list those of all, joined by `` > ``; ``licence`` lists every license. A sentence has failed
    if the last engine that knows its languages failed on it.
    """

    def __init__(self, engines: Sequence[Translator]) -> None:
        """Take the engines in order (at least 1)."""
        self.engines = tuple(engines)
        self.id = " > ".join(engine.id for engine in engines)
        self.revision = " > ".join(engine.revision for engine in engines)
        self.licence = " AND ".join(sorted({engine.licence for engine in engines}))
        self.languages = frozenset[str]().union(*(engine.languages for engine in engines))
        self.decoding = engines[-1].decoding
        self._chosen: dict[tuple[Translator, ...], Translator] = {}

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of every engine, in order."""
        return {"engine": "fallback-1", "parts": [engine.settings for engine in self.engines]}

    def part(self, source: str, target: str) -> Translator:
        """Return the engines that know both languages, as one translator."""
        reasons, able = [], list[Translator]()
        for engine in self.engines:
            try:
                able.append(engine.part(source, target))
            except ModelError as error:
                reasons.append(f"{engine.id} {error}")
        if not able:
            raise ModelError("; ".join(reasons))
        if tuple(able) == self.engines:
            return self
        return self._chosen.setdefault(tuple(able), FallbackTranslator(able))

    def translate(
        self,
        requests: Sequence[Request],
        done: Done | None = None,
        decoding: Decoding | None = None,
    ) -> list[Hypothesis]:
        """See `Translator`."""
        results: dict[int, Hypothesis] = {}
        left = list(range(len(requests)))
        for engine in self.engines:
            last = engine is self.engines[-1]

            def finish(
                indices: Sequence[int],
                hypotheses: Sequence[Hypothesis],
                places: Sequence[int] = tuple(left),
                last: bool = last,
            ) -> None:
                new = {places[i]: each for i, each in zip(indices, hypotheses, strict=True)}
                results.update(new)
                kept = [place for place, each in new.items() if last or not each.failure]
                if done and kept:
                    done(kept, [new[place] for place in kept])

            if left:
                engine.translate([requests[place] for place in left], finish, decoding)
                left = [place for place in left if results[place].failure]
        return [results[index] for index in range(len(requests))]

    def translate_nbest(
        self, requests: Sequence[Request], decoding: Decoding
    ) -> list[list[Hypothesis]]:
        """See `Translator`; all hypotheses of a sentence come from one engine."""
        results = self.engines[0].translate_nbest(requests, decoding)
        for engine in self.engines[1:]:
            left = [
                index
                for index, several in enumerate(results)
                if all(one.failure for one in several)
            ]
            if left:
                again = engine.translate_nbest([requests[index] for index in left], decoding)
                for index, several in zip(left, again, strict=True):
                    results[index] = several
        return results


def engines_of(translator: Translator, source: str, target: str) -> tuple[Translator, ...]:
    """Return the engines of a pair of FLORES-200 codes, in the order in which they are asked.

    Raises:
        ModelError: the translator has none.
    """
    part = translator.part(source, target)
    return part.engines if isinstance(part, FallbackTranslator) else (part,)
