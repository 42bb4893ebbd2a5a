"""The `SentenceEncoder` protocol: texts in, unit vectors out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from numpy import float32
from numpy.typing import NDArray

Vectors = NDArray[float32]
"""Shape [texts, dimensions], each row of length 1."""

KEY = "checks.meaning.encoder"
"""Key of the recipe that names the encoder; named in errors."""


class SentenceEncoder(Protocol):
    """Maps texts of several languages to vectors: texts that mean the same lie close together.

    ``id``, ``revision``, ``licence`` and ``languages`` are known without loading the model.
    """

    @property
    def id(self) -> str:
        """Name of the model."""

    @property
    def revision(self) -> str:
        """Hash of the weights, or version of the package that carries them: the same revision gives
        the same vectors."""

    @property
    def licence(self) -> str:
        """SPDX identifier of the weights, or ``unknown``."""

    @property
    def languages(self) -> frozenset[str] | None:
        """FLORES-200 codes of the languages that it knows; None if it does not say."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Return a unit vector for each text, in order.

        A text's vector must not depend on the texts beside it, so that equal runs give equal scores.
        """


class CachedEncoder:
    """An encoder that remembers the texts it has seen last."""

    AT_MOST = 50_000
    """Texts remembered: 100 MB at 512 dimensions."""

    def __init__(self, encoder: SentenceEncoder) -> None:
        self.encoder = encoder
        self.id, self.revision = encoder.id, encoder.revision
        self.licence, self.languages = encoder.licence, encoder.languages
        self._seen: dict[str, Any] = {}

    def encode(self, texts: Sequence[str]) -> Vectors:
        """See `SentenceEncoder.encode`."""
        import numpy as np

        known = {text: self._seen.get(text) for text in texts}
        new = [text for text, vector in known.items() if vector is None]
        if new:
            known.update(zip(new, self.encoder.encode(new), strict=True))
            if len(self._seen) + len(new) > self.AT_MOST:
                self._seen = {}
            self._seen.update((text, known[text]) for text in new)
        vectors: list[Any] = [known[text] for text in texts]
        return np.stack(vectors)
