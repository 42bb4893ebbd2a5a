"""MADLAD-400 (google/madlad400-3b-mt and larger): T5.

The source is the text ``<2sw> How?`` as the model's own sentencepiece model splits it, then ``</s>``:
``▁ <2sw> ▁How ? </s>``: language tokens are user-defined pieces, and the blank before the first word
comes before them. The decoder starts without a prefix. The source language is not named.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

from mlc_data.errors import ModelError
from mlc_data.languages.flores import all_languages
from mlc_data.recipe.recipe import Translate
from mlc_data.translate.engines.ctranslate2 import BLANK, END, Ct2Translator

# Where MADLAD-400's code is not our shortest BCP 47 tag with an underscore.
_OWN_CODES = MappingProxyType(
    {
        "bug_Latn": "bug",
        "kmr_Latn": "ku",
        "nob_Latn": "no",
        "tgl_Latn": "fil",
        "tzm_Tfng": "tzm",
        "zho_Hans": "zh",
    }
)

TOKENS = MappingProxyType(
    {
        language.code: f"<2{_OWN_CODES.get(language.code, language.bcp47.replace('-', '_'))}>"
        for language in all_languages()
    }
)
"""FLORES-200 code to language token; a model knows the language if its vocabulary has the token."""


class MadladTranslator(Ct2Translator):
    """A MADLAD-400 translation model converted to CTranslate2."""

    family = "madlad"
    engine_version = "ctranslate2-madlad-3"
    max_source_tokens = 512  # positions are relative and unlimited; enough for a sentence
    tokenizers = (("spiece.model", "sentencepiece.model"),)
    control_tokens = 2

    def __init__(self, folder: Path, settings: Translate, tokenizer: Path) -> None:
        super().__init__(folder, settings, tokenizer)
        known = [code for code, token in TOKENS.items() if token in self.vocabulary]
        torn = [c for c in known if TOKENS[c] not in self._encoder.encode(TOKENS[c], out_type=str)]
        if torn:
            raise ModelError(
                f"translate.tokenizer: {tokenizer} does not keep {TOKENS[torn[0]]} in one piece, so "
                "the model would not get the target language; use the model's own tokenizer"
            )
        self.languages = frozenset(known)

    def source_tokens(self, text: str, source: str, target: str) -> list[str]:
        """Return ``▁ <2sw> pieces </s>``, whatever the source language."""
        given = f"{TOKENS[target]} {text.replace(BLANK, '_')}"
        pieces: list[str] = self._encoder.encode(given, out_type=str)
        first = pieces.index(TOKENS[target]) + 1  # any after it is a text that spells a token
        return [*pieces[:first], *self.spelled(pieces[first:]), END]
