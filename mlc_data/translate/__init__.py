"""Translation: sentences, the engine, the cache, and the stage that combines them."""

from mlc_data.translate.engines.base import Decoding, Hypothesis, Request, Translator
from mlc_data.translate.engines.families.nllb import NllbTranslator
from mlc_data.translate.engines.loading import load_translator
from mlc_data.translate.sentences import Segments, split

__all__ = [
    "Decoding",
    "Hypothesis",
    "NllbTranslator",
    "Request",
    "Segments",
    "Translator",
    "load_translator",
    "split",
]
