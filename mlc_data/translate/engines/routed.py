"""Several models as one translator: each pair of languages goes to the model named for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from mlc_data.errors import ModelError
from mlc_data.translate.engines.base import (
    Decoding,
    Done,
    Hypothesis,
    Request,
    Translator,
    refuse_pairs,
)

_T = TypeVar("_T")


class RoutedTranslator:
    """One model per target language, and one per language for translating back. See `Translator`.

    ``id`` and ``revision`` list those of all models in one order, joined by `` + ``; ``licence``
    lists every license of a part, joined by `` AND `` as SPDX writes it.
    """

    def __init__(
        self, forth: Mapping[str, Translator], back: Mapping[str, Translator] | None = None
    ) -> None:
        """Route by FLORES-200 code: of the target (``forth``) and of the source (``back``).

        Raises:
            ModelError: a model is named for a language that it does not translate into (or from).
        """
        self._forth, self._back = dict(forth), dict(back or {})
        for key, models, end in (("models", self._forth, 1), ("back_models", self._back, 0)):
            for code, model in models.items():
                pairs = [(other, code)[:: 1 if end else -1] for other in model.languages - {code}]
                if not any(_takes(model, pair) for pair in pairs):
                    way = "into" if end else "from"
                    raise ModelError(
                        f"translate.{key}.{code}: {model.id} does not translate {way} {code}; it "
                        f"knows {', '.join(sorted(model.languages)[:20])}"
                    )
        distinct = {id(part): part for part in (*self._forth.values(), *self._back.values())}
        self._parts = sorted(distinct.values(), key=lambda part: (part.id, part.revision))
        self.id = " + ".join(part.id for part in self._parts)
        self.revision = " + ".join(part.revision for part in self._parts)
        self.licence = " AND ".join(sorted({part.licence for part in self._parts}))
        self.languages = frozenset().union(*(part.languages for part in self._parts))
        self.decoding = self._parts[0].decoding

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of every model, and the model of each language."""
        number = {id(part): index for index, part in enumerate(self._parts)}
        return {
            "engine": "routed-1",
            "models": {code: number[id(part)] for code, part in self._forth.items()},
            "back_models": {code: number[id(part)] for code, part in self._back.items()},
            "parts": [part.settings for part in self._parts],
        }

    def part(self, source: str, target: str) -> Translator:
        """Return the model named for the target, else the one for translating back from the source."""
        for model in (self._forth.get(target), self._back.get(source)):
            if model is not None and _takes(model, (source, target)):
                return model.part(source, target)
        raise ModelError(
            f"has no model from {source} to {target}: name one as translate.models.{target}, or, "
            f"if it translates back, as translate.back_models.{source}"
        )

    def translate(
        self,
        requests: Sequence[Request],
        done: Done | None = None,
        decoding: Decoding | None = None,
    ) -> list[Hypothesis]:
        """See `Translator`. One model after the other; nothing is translated if a pair has none."""
        results: list[Hypothesis | None] = [None] * len(requests)
        for part, places in self._shares(requests):

            def finish(
                indices: Sequence[int],
                hypotheses: Sequence[Hypothesis],
                places: Sequence[int] = places,
            ) -> None:
                if done:
                    done([places[index] for index in indices], hypotheses)

            share = [requests[place] for place in places]
            _put(results, places, part.translate(share, finish, decoding or self.decoding))
        return [hypothesis for hypothesis in results if hypothesis is not None]

    def translate_nbest(
        self, requests: Sequence[Request], decoding: Decoding
    ) -> list[list[Hypothesis]]:
        """See `Translator`."""
        results: list[list[Hypothesis] | None] = [None] * len(requests)
        for part, places in self._shares(requests):
            share = [requests[place] for place in places]
            _put(results, places, part.translate_nbest(share, decoding))
        return [several for several in results if several is not None]

    def _shares(self, requests: Sequence[Request]) -> list[tuple[Translator, list[int]]]:
        refuse_pairs(self, {(request.source, request.target) for request in requests})
        shares: dict[int, tuple[Translator, list[int]]] = {}
        chosen: dict[tuple[str, str], Translator] = {}
        for place, request in enumerate(requests):
            pair = (request.source, request.target)
            if pair not in chosen:
                chosen[pair] = self.part(*pair)
            shares.setdefault(id(chosen[pair]), (chosen[pair], []))[1].append(place)
        return list(shares.values())


def _takes(model: Translator, pair: tuple[str, ...]) -> bool:
    try:
        model.part(*pair)
    except ModelError:
        return False
    return True


def _put(results: list[_T | None], places: Sequence[int], values: Sequence[_T]) -> None:
    for place, value in zip(places, values, strict=True):
        results[place] = value
