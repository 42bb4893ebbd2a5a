"""Checks of variants: scores, and verdicts with an enumerated reason.

Exported here are the built-in checks and the parts of a check of your own. The stages that score and decide are in
`mlc_data.checks.stage`, functions that apply checks to tables in `mlc_data.checks.scoring`.
"""

from mlc_data.checks.base import (
    Check,
    CheckSection,
    Context,
    CorpusCheck,
    Limit,
    at_least,
    at_most,
)
from mlc_data.checks.copy import Copy
from mlc_data.checks.coverage import Coverage
from mlc_data.checks.duplicate.check import Duplicate
from mlc_data.checks.intent import Intent
from mlc_data.checks.language_id import LanguageId
from mlc_data.checks.length import Length
from mlc_data.checks.preserved import Preserved
from mlc_data.checks.refusal import Refusal
from mlc_data.checks.registry import CHECKS, load_check
from mlc_data.checks.repetition import Repetition
from mlc_data.checks.residue import Residue
from mlc_data.checks.round_trip import RoundTrip
from mlc_data.checks.script import Script
from mlc_data.checks.toxicity import Toxicity
from mlc_data.checks.unknown import Unknown
from mlc_data.languages.by_language import ByLanguage, by_language

__all__ = [
    "CHECKS",
    "ByLanguage",
    "Check",
    "CheckSection",
    "Context",
    "Copy",
    "CorpusCheck",
    "Coverage",
    "Duplicate",
    "Intent",
    "LanguageId",
    "Length",
    "Limit",
    "Preserved",
    "Refusal",
    "Repetition",
    "Residue",
    "RoundTrip",
    "Script",
    "Toxicity",
    "Unknown",
    "at_least",
    "at_most",
    "by_language",
    "load_check",
]
