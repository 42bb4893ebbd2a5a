"""Checks: translations to scores, and scores to verdicts with an enumerated reason."""

from mlc_data.checks.base import Check, VariantReason
from mlc_data.checks.copy import Copied
from mlc_data.checks.coverage import Coverage
from mlc_data.checks.duplicate.check import Duplicate
from mlc_data.checks.intent import Intent
from mlc_data.checks.language_id import LanguageId
from mlc_data.checks.length import Length
from mlc_data.checks.preserved import Preserved
from mlc_data.checks.refusal import Refused
from mlc_data.checks.repetition import Repetition
from mlc_data.checks.round_trip import RoundTrip
from mlc_data.checks.scoring import build_checks, reasons, score_rows
from mlc_data.checks.script import Script
from mlc_data.checks.toxicity import Toxicity
from mlc_data.checks.unknown import Unknown
from mlc_data.language_id.fasttext import (
    FastTextIdentifier,
    LanguageIdentifier,
    load_identifier,
    load_identifiers,
)

__all__ = [
    "Check",
    "Copied",
    "Coverage",
    "Duplicate",
    "FastTextIdentifier",
    "Intent",
    "LanguageId",
    "LanguageIdentifier",
    "Length",
    "Preserved",
    "Refused",
    "Repetition",
    "RoundTrip",
    "Script",
    "Toxicity",
    "Unknown",
    "VariantReason",
    "build_checks",
    "load_identifier",
    "load_identifiers",
    "reasons",
    "score_rows",
]
