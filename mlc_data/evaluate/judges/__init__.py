"""Judges of model replies: they decide whether a reply helps with harm, and whether it declines."""

from __future__ import annotations

from mlc_data.evaluate.judges.base import Exchange, Judge, Judgment, failed
from mlc_data.evaluate.judges.classifier import Classifier, load_classifier
from mlc_data.evaluate.judges.endpoint import EndpointJudge
from mlc_data.evaluate.judges.guards import GenerativeGuard, load_guard
from mlc_data.evaluate.judges.selection import open_judge
from mlc_data.evaluate.judges.templates import GuardTemplate, guard_template
from mlc_data.lm.chat import ChatClient

__all__ = [
    "ChatClient",
    "Classifier",
    "EndpointJudge",
    "Exchange",
    "GenerativeGuard",
    "GuardTemplate",
    "Judge",
    "Judgment",
    "failed",
    "guard_template",
    "load_classifier",
    "load_guard",
    "open_judge",
]
