"""M2M100 (facebook/m2m100_418M, facebook/m2m100_1.2B).

Source ``[__sw__] pieces </s>``; the decoder starts with the target's language token, which the
hypothesis repeats: CTranslate2's guide to Transformers models, section M2M-100. Languages are those
of ``FAIRSEQ_LANGUAGE_CODES`` in transformers' tokenizer; its Breton (``br``) and West Frisian
(``fy``) are not FLORES-200 languages. SMaLL-100 has the same network and another layout (the target's
token on the source): it is not this family.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import MappingProxyType

from mlc_data.recipe.recipe import Translate
from mlc_data.translate.engines.ctranslate2 import END, Ct2Translator

_CODES: dict[str, str] = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))

TOKENS = MappingProxyType({code: f"__{iso}__" for code, iso in _CODES.items()})
"""FLORES-200 code to language token; no two share one."""

# Languages that share a token with another one: the answer would be in the other language.
_TAKEN = MappingProxyType(
    {
        "zho_Hans": "zho_Hant yue_Hant",
        "nob_Latn": "nno_Latn",
        "pes_Arab": "prs_Arab",
        "azj_Latn": "azb_Arab",
        "arb_Arab": "arb_Latn acm_Arab acq_Arab aeb_Arab ajp_Arab apc_Arab ars_Arab ary_Arab arz_Arab",
    }
)

REFUSED = MappingProxyType(
    {
        code: f"M2M100 has one token for it and {taken}, {TOKENS[taken]}, which is {taken} here"
        for taken, codes in _TAKEN.items()
        for code in codes.split()
    }
)
"""Languages whose token belongs to another language, and the reason given."""


class M2m100Translator(Ct2Translator):
    """An M2M100 model converted to CTranslate2."""

    family = "m2m100"
    engine_version = "ctranslate2-m2m100-3"
    max_source_tokens = 512  # its positions end at 1024
    tokenizers = (("sentencepiece.bpe.model", "sentencepiece.model", "spm.model"),)
    control_tokens = 2
    refused = REFUSED

    def __init__(self, folder: Path, settings: Translate, tokenizer: Path) -> None:
        super().__init__(folder, settings, tokenizer)
        self.languages = frozenset(c for c, token in TOKENS.items() if token in self.vocabulary)

    def source_tokens(self, text: str, source: str, target: str = "") -> list[str]:
        """Return ``[__sw__] pieces </s>``, whatever the target."""
        return [TOKENS[source], *self.pieces(text), END]

    def target_prefix(self, target: str) -> list[str]:
        """Return ``[__sw__]``."""
        return [TOKENS[target]]
