"""The `LanguageIdentifier` protocol: texts in, probabilities of labels out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from mlc_data.language_id.labels import labels_for
from mlc_data.languages.flores import Language

KEY = "checks.language_identifiers"
"""Key of the recipe that names the identifiers; named in errors."""


class LanguageIdentifier(Protocol):
    """Estimates which languages a text may be in.

    ``id``, ``revision`` and ``licence`` are known without loading the model.
    """

    @property
    def id(self) -> str:
        """Name of the model."""

    @property
    def revision(self) -> str:
        """Hash of the weights, or version of the package that carries them: the same revision gives
        the same answers."""

    @property
    def licence(self) -> str:
        """SPDX identifier of the weights, or ``unknown``."""

    @property
    def labels(self) -> frozenset[str]:
        """Every label that the model can give."""

    def identify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """Return for each text, in order, its likely labels with their probabilities (0 to 1).

        Labels that are not named are unlikely; a text without letters may have none.
        """


def labels_of(language: Language, identifier: LanguageIdentifier) -> frozenset[str]:
    """Return the identifier's labels for text in the language; empty if it does not know it."""
    return labels_for(language.code, identifier.labels)
