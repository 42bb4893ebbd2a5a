"""Language identifiers: texts in, probabilities of labels out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Protocol

from mlc_data.core.hashing import hash_file
from mlc_data.core.paths import is_hub_id, model_location
from mlc_data.errors import ModelError
from mlc_data.language_id.labels import labels_for
from mlc_data.languages.flores import Language

KEY = "checks.language_identifiers"

_PREFIX = "__label__"
_LEAST = 0.01
_MAGIC = (793712314).to_bytes(4, "little")
"""The first four bytes of every fastText model."""
_HUB_FILES = ("model.bin", "lid*.bin", "lid*.ftz")
_LICENCES = {
    "lid.176.ftz": "CC-BY-SA-3.0",
    "lid.176.bin": "CC-BY-SA-3.0",
    "lid218e.bin": "CC-BY-NC-4.0",
    "facebook/fasttext-language-identification": "CC-BY-NC-4.0",
    "cis-lmu/glotlid": "Apache-2.0",
    "laurievb/OpenLID-v2": "GPL-3.0-only",
}


class LanguageIdentifier(Protocol):
    """Says in which languages a text may be.

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
        """For each text, in order, its likely labels with their probabilities (0 to 1).

        Labels that are not named are unlikely; a text without letters may have none.
        """


def labels_of(language: Language, identifier: LanguageIdentifier) -> frozenset[str]:
    """The labels that the identifier gives to text in the language; empty if it does not know it."""
    return labels_for(language.code, identifier.labels)


class FastTextIdentifier:
    """A fastText model (``.ftz`` or ``.bin``): lid.176, lid218e, GlotLID, OpenLID. Loaded when it is
    first asked.

    Raises:
        ModelError: the file is not a fastText classifier.
    """

    def __init__(self, path: Path, name: str | None = None) -> None:
        with path.open("rb") as handle:
            if handle.read(4) != _MAGIC:
                raise ModelError(f"{path} is not a fastText model")
        self._path = path
        self.id = name or path.name
        self.licence = _LICENCES.get(self.id, "unknown")

    @cached_property
    def revision(self) -> str:
        """SHA-256 of the file."""
        return hash_file(self._path)

    @cached_property
    def _model(self) -> Any:
        import fasttext

        try:
            return fasttext.load_model(str(self._path))
        except ValueError as error:
            raise ModelError(f"{self._path} is not a fastText model: {error}") from error

    @cached_property
    def labels(self) -> frozenset[str]:
        """The model's labels, without ``__label__``."""
        return frozenset(one.removeprefix(_PREFIX) for one in self._model.get_labels())

    def identify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """See `LanguageIdentifier`; labels under 0.01 are left out."""
        if not texts:
            return []
        # fastText takes one line at a time.
        lines = [" ".join(text.split()) for text in texts]
        labels, scores = self._model.predict(lines, k=-1, threshold=_LEAST)
        return [
            {
                label.removeprefix(_PREFIX): min(1.0, max(0.0, float(score)))
                for label, score in zip(*found, strict=True)
            }
            if line
            else {}
            for line, *found in zip(lines, labels, scores, strict=True)
        ]


@dataclass(frozen=True)
class StubIdentifier:
    """Gives prepared answers, for tests: ``answers`` by text, and ``{}`` for any other."""

    answers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    labels: frozenset[str] = frozenset({"en", "sw"})
    id: str = "stub"
    revision: str = "1"
    licence: str = "Apache-2.0"

    def identify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """The prepared answers."""
        return [dict(self.answers.get(text, {})) for text in texts]


@lru_cache(maxsize=8)
def load_identifier(location: str) -> LanguageIdentifier:
    """One of the identifiers that a recipe's ``checks.language_identifiers`` names: ``lingua``,
    ``heliport``, or the location of a fastText model. The model itself is loaded when first asked.

    Raises:
        ModelError: there is none, or it is not a fastText model.
    """
    from mlc_data.language_id.packaged import PACKAGED

    if location in PACKAGED:
        return PACKAGED[location]()
    path = model_location(location, KEY, only=_HUB_FILES)
    name = location if is_hub_id(location) else None
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if file.suffix in (".ftz", ".bin"))
        # GlotLID keeps older models beside the present one.
        found = [file for file in found if file.name == "model.bin"] or found
        if len(found) != 1:
            names = ", ".join(file.name for file in found) or "none"
            raise ModelError(
                f"{KEY}: {location} should hold one .ftz or .bin file, it has: {names}"
            )
        path = found[0]
    return FastTextIdentifier(path, name)


def load_identifiers(locations: Sequence[str]) -> tuple[LanguageIdentifier, ...]:
    """All of them, in order.

    Raises:
        ModelError: see `load_identifier`.
    """
    return tuple(load_identifier(location) for location in locations)
