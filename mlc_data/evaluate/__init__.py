"""Evaluation: how consistent hidden states are across languages, before and after alignment."""

from __future__ import annotations

from mlc_data.consistency.measures import LanguageMeasures, LossFunction, Measures, measure
from mlc_data.evaluate.representations import Encode, evaluate

__all__ = ["Encode", "LanguageMeasures", "LossFunction", "Measures", "evaluate", "measure"]
