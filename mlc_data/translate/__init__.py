"""Translation: sentences, the engine, the cache, and the stage that puts them together."""

from mlc_data.translate.engine import load_translator
from mlc_data.translate.families.nllb import NllbTranslator
from mlc_data.translate.segments import Segments, split
from mlc_data.translate.stage import translate
from mlc_data.translate.translator import Decoding, Hypothesis, Request, Translator

__all__ = [
    "Decoding",
    "Hypothesis",
    "NllbTranslator",
    "Request",
    "Segments",
    "Translator",
    "load_translator",
    "split",
    "translate",
]
