"""NLLB-200, and models of its token layout.

Source ``[language] pieces </s>``; the decoder starts with the target's language token, which the
hypothesis repeats. Language tokens are FLORES-200 codes. Source of the layout: CTranslate2's
guide to Transformers models, section NLLB, and the corrected tokenizer of transformers
(``legacy_behaviour=False``).
"""

from __future__ import annotations

import re
from pathlib import Path

from mlc_data.recipe.recipe import Translate
from mlc_data.translate.engines.ctranslate2 import END, Ct2Translator

LANGUAGE_TOKEN = re.compile(r"^[a-z]{3}_[A-Z][a-z]{3}$")
"""Pattern of a FLORES-200 code."""


class NllbTranslator(Ct2Translator):
    """An NLLB-200 model (or one with the same token layout) converted to CTranslate2."""

    family = "nllb"
    engine_version = "ctranslate2-nllb-3"
    max_source_tokens = 512
    tokenizers = (("sentencepiece.bpe.model", "sentencepiece.model", "spm.model"),)
    control_tokens = 2

    def __init__(self, folder: Path, settings: Translate, tokenizer: Path) -> None:
        super().__init__(folder, settings, tokenizer)
        self.languages = frozenset(filter(LANGUAGE_TOKEN.match, self.vocabulary))

    def source_tokens(self, text: str, source: str, target: str = "") -> list[str]:
        """Return ``[language] pieces </s>``, whatever the target."""
        return [source, *self.pieces(text), END]

    def target_prefix(self, target: str) -> list[str]:
        """Return ``[language]``."""
        return [target]
