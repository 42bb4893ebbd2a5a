"""The engine that a recipe names."""

from __future__ import annotations

from pathlib import Path

from mlc_data.errors import ModelError
from mlc_data.locations import model_location
from mlc_data.recipe import Translate
from mlc_data.translate.families.nllb import NllbTranslator
from mlc_data.translate.translator import (
    Decoding,
    Hypothesis,
    Request,
    Translator,
    refuse_unknown,
)
from mlc_data.translate.weights import MODEL_FILE

__all__ = [
    "MODEL_FILE",
    "Decoding",
    "Hypothesis",
    "NllbTranslator",
    "Request",
    "Translator",
    "load_translator",
    "refuse_unknown",
]


def load_translator(settings: Translate) -> Translator:
    """The engine that the recipe names.

    Raises:
        ModelError: the model or its tokenizer is missing or cannot be loaded, or the device is.
    """
    folder = model_location(settings.model, "translate.model", settings.revision)
    if not (folder / "model.bin").is_file():
        raise ModelError(
            f"translate.model: {folder} is no CTranslate2 model (it has no model.bin). Convert one "
            "with ct2-transformers-converter, or name a converted repository on the Hub"
        )
    return NllbTranslator(folder, settings, _tokenizer(folder, settings))


def _tokenizer(folder: Path, settings: Translate) -> Path:
    names = ("sentencepiece.bpe.model", "sentencepiece.model", "spm.model")
    where = folder
    if settings.tokenizer:
        where = model_location(settings.tokenizer, "translate.tokenizer", only=names)
    for name in names:
        if (where / name).is_file():
            return where / name
    raise ModelError(
        f"translate.tokenizer: {where} has no {names[0]}; name a folder or Hub id that has one "
        "(for NLLB: facebook/nllb-200-distilled-600M)"
    )
