"""Reliability of language identifiers by language.

``reliability.json`` is written by benchmarks/identifier_reliability.py, which measures on NTREX-128 and the
Universal Declaration of Human Rights.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from mlc_data.language_id.base import LanguageIdentifier, labels_of
from mlc_data.languages.flores import get_language

MEASURED: Mapping[str, Mapping[str, float]] = json.loads(
    (Path(__file__).parent / "reliability.json").read_text(encoding="utf-8")
)
"""Reliability (0 to 1) by name of the identifier and FLORES-200 code."""
CONFUSIONS = Path(__file__).parent / "confusions.json"
"""Labels of other languages that identifiers give, almost certain, to good text, each with the probability
that good text stays below, by name of the identifier and FLORES-200 code. Written by benchmarks/confusions.py."""
ANY = "*"
"""Stands for all labels in ``confusions.json``."""
_CONFUSIONS: Mapping[str, Mapping[str, str]] = json.loads(CONFUSIONS.read_text(encoding="utf-8"))
UNMEASURED_IDENTIFIER = 0.9
"""Reliability of identifiers that could not be measured. Those with FLORES-200 labels publish
F1 scores over 0.9 for all but some forty languages."""
UNMEASURED_LANGUAGE = 0.5
"""Reliability in languages that a measured identifier has a label for, and that had no test text."""
KNOWN = 0.2
"""Reliability below which an identifier counts as not knowing the language: lid.176 takes good Javanese (0.09) for
Indonesian, Malay and many others."""
WEAK = 0.5
"""Reliability below which only near certainty suffices for a rejection."""

_SAME_TRAINING = {"lid.176.bin": "lid.176.ftz"}


def reliability(identifier: LanguageIdentifier, code: str) -> float:
    """Return the mean probability (0 to 1) that the identifier gives to short good text in a
    language (FLORES-200 code); 0 if it does not know the language."""
    if not labels_of(get_language(code), identifier):
        return 0.0
    name = _SAME_TRAINING.get(identifier.id, identifier.id)
    if name not in MEASURED:
        return UNMEASURED_IDENTIFIER
    value = MEASURED[name].get(code, UNMEASURED_LANGUAGE)
    return value if value >= KNOWN else 0.0


def confused_with(identifier: LanguageIdentifier, code: str) -> Mapping[str, float] | None:
    """Return the labels of other languages that the identifier gives to good text in a language
    (FLORES-200 code) although it is almost certain, and the probability (0 to 1) that good text stays
    below; None where that has not been measured, or happens with labels of all kinds."""
    measured = _CONFUSIONS.get(_SAME_TRAINING.get(identifier.id, identifier.id), {})
    labels = measured.get(code, ANY).split()
    if ANY in labels:
        return None
    return {label: float(most) for label, _, most in (each.rpartition(":") for each in labels)}
