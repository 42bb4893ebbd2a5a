"""How far an identifier can be relied on in a language."""

from __future__ import annotations

from mlc_data.language_id.fasttext import LanguageIdentifier, labels_of
from mlc_data.language_id.reliability_table import MEASURED
from mlc_data.languages.flores import get_language

UNMEASURED_IDENTIFIER = 0.9
"""For identifiers that could not be measured. Those with FLORES-200 labels publish F1 scores over
0.9 for all but some forty languages."""
UNMEASURED_LANGUAGE = 0.5
"""For languages that a measured identifier has a label for, and that we had no text in."""
KNOWN = 0.2
"""With less than this it is as if the identifier did not know the language: lid.176 takes good Javanese
(0.09) for Indonesian, Malay and many others."""
WEAK = 0.5
"""With less than this, only near certainty suffices for a rejection."""

_SAME_TRAINING = {"lid.176.bin": "lid.176.ftz"}


def reliability(identifier: LanguageIdentifier, code: str) -> float:
    """Mean probability (0 to 1) that the identifier gives to short good text in a language (FLORES-200
    code), `reliability_table`; 0 if it does not know it."""
    if not labels_of(get_language(code), identifier):
        return 0.0
    name = _SAME_TRAINING.get(identifier.id, identifier.id)
    if name not in MEASURED:
        return UNMEASURED_IDENTIFIER
    found = MEASURED[name].get(code, UNMEASURED_LANGUAGE)
    return found if found >= KNOWN else 0.0
