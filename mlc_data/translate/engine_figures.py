"""Figures of engines side by side: sentences by language and outcome, tokens and cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from mlc_data.text.refusals import ENGLISH
from mlc_data.translate.engines.base import Hypothesis, Request, Translator
from mlc_data.translate.engines.fallback import FallbackTranslator

PREFIX = "engines/"
"""Begins the figures: ``engines/<engine>/<language>/<outcome>``, or ``engines/<engine>/<figure>``."""

_NEXT = "next"
"""Begins outcomes of sentences that went to the next engine."""


def figures_of(
    part: Translator,
    engine: Translator,
    request: Request,
    several: Sequence[Hypothesis],
    *,
    passes_on: bool,
) -> dict[str, int]:
    """Return the figures of an engine's answer, given now or from the cache; none where no engines are compared.

    Args:
        part: the translator of the request's languages.
        engine: the one of its engines that answered.
        request: the sentence.
        several: its hypotheses, best first.
        passes_on: True if the sentence goes to the next engine.
    """
    if not isinstance(part, FallbackTranslator):
        return {}
    best = several[0]
    outcome = "translated" if best.failure is None else str(best.failure)
    pair = request.target if request.source == ENGLISH else f"{request.source}>{request.target}"
    figures = {f"{engine.id}/{pair}/{f'{_NEXT}: {outcome}' if passes_on else outcome}": 1}
    usage = getattr(engine, "usage", None)
    if usage is not None:
        figures |= usage(several)
    return {f"{PREFIX}{name}": count for name, count in figures.items()}


def as_note(figures: Counter[str]) -> dict[str, Any]:
    """Return the figures of engines as the manifest's note ``engines``: engine, then language or figure."""
    note: dict[str, Any] = {}
    for name, count in sorted(figures.items()):
        if name.startswith(PREFIX):
            *path, last = name.removeprefix(PREFIX).rsplit("/", 2)
            inner = note
            for step in path:
                inner = inner.setdefault(step, {})
            inner[last] = count
    return {"engines": note} if note else {}


def listed(figures: Mapping[str, Any]) -> str:
    """Return figures of an engine in words: ``deu_Latn 80 translated, 20 next: declined``."""
    parts = (
        f"{name} " + ", ".join(f"{count} {outcome}" for outcome, count in value.items())
        if isinstance(value, dict)
        else f"{value} {name}"
        for name, value in figures.items()
    )
    return "; ".join(parts)
