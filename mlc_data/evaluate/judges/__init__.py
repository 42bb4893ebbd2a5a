"""Judges of model replies: does a reply help with harm, and does it decline?"""

from __future__ import annotations

from mlc_data.evaluate.judges.base import Exchange, Judge, Judgment, failed
from mlc_data.evaluate.judges.chat_client import ChatClient
from mlc_data.evaluate.judges.classifier import Classifier, load_classifier
from mlc_data.evaluate.judges.endpoint import EndpointJudge
from mlc_data.evaluate.judges.guards import GenerativeGuard, LoadModel, load_guard
from mlc_data.evaluate.judges.opening import open_judge
from mlc_data.evaluate.judges.templates import GuardTemplate, guard_template

__all__ = [
    "ChatClient",
    "Classifier",
    "EndpointJudge",
    "Exchange",
    "GenerativeGuard",
    "GuardTemplate",
    "Judge",
    "Judgment",
    "LoadModel",
    "failed",
    "guard_template",
    "load_classifier",
    "load_guard",
    "open_judge",
]
