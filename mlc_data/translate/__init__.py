"""Translation: sentences, the engine, the cache, and the stage that puts them together."""

from mlc_data.translate.engine import Hypothesis, Request, Translator, load_translator
from mlc_data.translate.segments import Segments, split
from mlc_data.translate.stage import translate

__all__ = [
    "Hypothesis",
    "Request",
    "Segments",
    "Translator",
    "load_translator",
    "split",
    "translate",
]
