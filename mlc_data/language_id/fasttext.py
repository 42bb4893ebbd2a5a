"""Identifiers that are fastText models: lid.176, lid218e, GlotLID, OpenLID."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from mlc_data.core.hashing import hash_file
from mlc_data.errors import ModelError

_PREFIX = "__label__"
_LEAST_PROBABILITY = 0.01
_MAGIC = (793712314).to_bytes(4, "little")
"""First four bytes of every fastText model."""
_LICENCES = {
    "lid.176.ftz": "CC-BY-SA-3.0",
    "lid.176.bin": "CC-BY-SA-3.0",
    "lid218e.bin": "CC-BY-NC-4.0",
    "facebook/fasttext-language-identification": "CC-BY-NC-4.0",
    "cis-lmu/glotlid": "Apache-2.0",
    "laurievb/OpenLID-v2": "GPL-3.0-only",
}


class FastTextIdentifier:
    """A fastText model (``.ftz`` or ``.bin``), loaded at its first use.

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
        return frozenset(label.removeprefix(_PREFIX) for label in self._model.get_labels())

    def identify(self, texts: Sequence[str]) -> list[dict[str, float]]:
        """Return probabilities by label, see `LanguageIdentifier`; those below 0.01 are left out."""
        if not texts:
            return []
        # fastText reads one line at a time.
        lines = [" ".join(text.split()) for text in texts]
        labels, scores = self._model.predict(lines, k=-1, threshold=_LEAST_PROBABILITY)
        return [
            {
                label.removeprefix(_PREFIX): min(1.0, max(0.0, float(score)))
                for label, score in zip(*predicted, strict=True)
            }
            if line
            else {}
            for line, *predicted in zip(lines, labels, scores, strict=True)
        ]
