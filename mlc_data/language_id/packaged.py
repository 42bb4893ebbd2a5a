"""Identifiers that are Python packages with their models inside: lingua and heliport.

Both are optional. heliport is licensed under the GPL-3.0: nothing here needs it, and it is used only
where a recipe names it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from importlib import metadata
from typing import Any

from mlc_data.core.extras import install_command, is_installed
from mlc_data.errors import ModelError
from mlc_data.language_id.base import KEY, LanguageIdentifier

_LEAST_PROBABILITY = 0.003
_AT_ONCE = 2000
"""Texts passed to lingua in one call: enough to keep every thread busy, few enough for the memory."""


def _version(name: str, module: str, distribution: str) -> str:
    if not is_installed(module):
        raise ModelError(
            f"{KEY}: {name} is not installed. Install it with: {install_command(module)}"
        )
    return metadata.version(distribution)


class LinguaIdentifier:
    """lingua (Apache-2.0): 75 languages, n-gram models, about 450 texts a second and core, 1.2 GB.

    All languages and all models, in its high-accuracy mode. It runs on every core outside the GIL.

    Raises:
        ModelError: it is not installed.
    """

    id = "lingua"
    licence = "Apache-2.0"

    def __init__(self) -> None:
        self.revision = f"lingua-{_version('lingua', 'lingua', 'lingua-language-detector')}"

    @cached_property
    def labels(self) -> frozenset[str]:
        """ISO 639-1 codes in lower case."""
        import lingua

        return frozenset(each.iso_code_639_1.name.lower() for each in lingua.Language.all())

    @cached_property
    def _model(self) -> Any:
        import lingua

        builder = lingua.LanguageDetectorBuilder.from_all_languages()
        return builder.with_preloaded_language_models().build()

    def identify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """Return probabilities by label, see `LanguageIdentifier`; those below 0.003 are left out."""
        results: list[dict[str, float]] = []
        for start in range(0, len(texts), _AT_ONCE):
            part = list(texts[start : start + _AT_ONCE])
            for values in self._model.compute_language_confidence_values_in_parallel(part):
                results.append(
                    {
                        each.language.iso_code_639_1.name.lower(): each.value
                        for each in values
                        if each.value > _LEAST_PROBABILITY
                    }
                )
        return results


class HeliportIdentifier:
    """heliport (GPL-3.0), a port of HeLI-OTS: 220 languages, about 28,000 texts a second.

    It returns costs (mean negative log10 likelihood of a word, 0 to 7), not probabilities. Over the
    ten cheapest languages, probabilities are ``exp(-7 cost)``, normalised: 7 makes good text in
    NTREX likeliest (14 languages with blanks between words, whole sentences and openings of five
    and seven words; anything from 5 to 8 is nearly as good).

    Raises:
        ModelError: it is not installed.
    """

    id = "heliport"
    licence = "GPL-3.0-only"
    SHARPNESS = 7.0
    CONSIDERED = 10
    _NO_LANGUAGE = frozenset({"und", "undhtml", "zxx"})

    def __init__(self) -> None:
        self.revision = f"heliport-{_version('heliport', 'heliport', 'heliport')}"

    @cached_property
    def labels(self) -> frozenset[str]:
        """ISO 639-3 codes, and some longer ones of its own."""
        return frozenset(self._model.get_confidence_all()) - self._NO_LANGUAGE

    @cached_property
    def _model(self) -> Any:
        import heliport

        return heliport.Identifier()

    def identify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """Return probabilities by label, see `LanguageIdentifier`; a text without letters has none."""
        model = self._model
        return [
            self._shares(model.identify_topk_with_score(" ".join(text.split()), self.CONSIDERED))
            for text in texts
        ]

    def _shares(self, costs: Sequence[tuple[str, float]]) -> dict[str, float]:
        costs = [(label, cost) for label, cost in costs if label not in self._NO_LANGUAGE]
        if not costs:
            return {}
        least = min(cost for _, cost in costs)
        weights = {label: math.exp(self.SHARPNESS * (least - cost)) for label, cost in costs}
        total = sum(weights.values())
        return {label: weight / total for label, weight in weights.items()}


PACKAGED: dict[str, Callable[[], LanguageIdentifier]] = {
    "lingua": LinguaIdentifier,
    "heliport": HeliportIdentifier,
}
