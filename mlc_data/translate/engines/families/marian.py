"""Marian models of two languages: OPUS-MT.

Source ``pieces </s>`` of ``source.spm``; the hypothesis is read with ``target.spm``; no language
tokens: CTranslate2's guides to OPUS-MT and to Transformers models, section MarianMT. Models of
several target languages (``>>swa<<`` before the source) are refused: name a bilingual one.
"""

from __future__ import annotations

import re
from pathlib import Path

from mlc_data.errors import ModelError
from mlc_data.recipe.recipe import Translate
from mlc_data.translate.engines import weights
from mlc_data.translate.engines.base import Translator
from mlc_data.translate.engines.ctranslate2 import END, Ct2Translator

_TARGET_TOKEN = re.compile(r"^>>.+<<$")
_ADDS_END = "add_source_eos"  # in the config.json of a model converted from Marian's own files


class MarianTranslator(Ct2Translator):
    """A bilingual Marian model converted to CTranslate2; its folder names the two languages."""

    family = "marian"
    engine_version = "ctranslate2-marian-3"
    max_source_tokens = 512
    tokenizers = (("source.spm",), ("target.spm",))

    def __init__(self, folder: Path, settings: Translate, source: Path, target: Path) -> None:
        super().__init__(folder, settings, source, target)
        refuse_multilingual(folder, self.vocabulary)
        named = weights.described(folder).get("languages")
        if not isinstance(named, list) or len(named) != 2:
            raise ModelError(
                f"{folder}: a Marian model must name its source and target language: write "
                f'"languages": ["eng_Latn", "swh_Latn"] into its {weights.MODEL_FILE}, or convert '
                "it with mlc-data models convert --languages eng_Latn,swh_Latn"
            )
        self.source, self.target = (str(code) for code in named)
        self.languages = frozenset((self.source, self.target))
        self._end = [] if weights.configured(folder).get(_ADDS_END) else [END]
        self.control_tokens = len(self._end)

    def part(self, source: str, target: str) -> Translator:
        """Return itself, for its own two languages in their order; see `Translator`."""
        if (source, target) != (self.source, self.target):
            raise ModelError(
                f"translates from {self.source} to {self.target} alone, not from {source} to {target}"
            )
        return self

    def source_tokens(self, text: str, source: str = "", target: str = "") -> list[str]:
        """Return ``pieces </s>``."""
        return [*self.pieces(text), *self._end]


def refuse_multilingual(folder: Path, vocabulary: frozenset[str]) -> None:
    """Refuse a Marian model that needs a token for its target language.

    Raises:
        ModelError: the vocabulary has tokens such as ``>>swa<<``.
    """
    tokens = sorted(filter(_TARGET_TOKEN.match, vocabulary))
    if tokens:
        raise ModelError(
            f"{folder} is a Marian model of several target languages ({', '.join(tokens[:3])}"
            f"{', ...' if len(tokens) > 3 else ''}), which is not supported: name a bilingual one, "
            "or M2M100 or MADLAD-400 for many languages"
        )
