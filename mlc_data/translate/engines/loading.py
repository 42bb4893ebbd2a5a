"""Loading of the engine that a recipe names."""

from __future__ import annotations

from pathlib import Path

from mlc_data.core.paths import is_hub_id, model_location
from mlc_data.core.plugins import TRANSLATORS, create_plugin
from mlc_data.errors import ModelError
from mlc_data.recipe.endpoints import PREFIX
from mlc_data.recipe.recipe import Engines, Translate, each_engine
from mlc_data.translate.engines import weights
from mlc_data.translate.engines.base import Translator
from mlc_data.translate.engines.ctranslate2 import Ct2Translator, decoding_of
from mlc_data.translate.engines.fallback import FallbackTranslator
from mlc_data.translate.engines.families import FAMILIES, family_of
from mlc_data.translate.engines.routed import RoutedTranslator
from mlc_data.translate.engines.weights import MODEL_FILE


def load_translator(settings: Translate) -> Translator:
    """Return the engine that the recipe names: one model, one that routes between several, or a class
    of the user's, which is created with the settings.

    Raises:
        ModelError: a model or its tokenizer is missing or cannot be loaded, its family is not
            clear, or the device does not exist.
        UsageError: the class cannot be imported, or is not a translator.
    """
    if settings.family not in ("auto", *FAMILIES):
        translator: Translator = create_plugin(
            settings.family, TRANSLATORS, "translate.family", Translator, settings
        )
        return translator
    loaded: dict[str, Translator] = {}
    chains: dict[tuple[str, ...], Translator] = {}

    def one(key: str, location: str) -> Translator:
        if location not in loaded:
            loaded[location] = _one(settings, key, location)
        return loaded[location]

    def chain(key: str, named: Engines) -> Translator:
        names = each_engine(named)
        if names not in chains:
            parts = [one(key, name) for name in names]
            # With an endpoint in the recipe every engine is counted, so that they can be compared.
            several = len(parts) > 1 or settings.endpoints
            chains[names] = FallbackTranslator(parts) if several else parts[0]
        return chains[names]

    def load(key: str, named: dict[str, Engines]) -> dict[str, Translator]:
        return {code: chain(f"translate.{key}.{code}", names) for code, names in named.items()}

    if settings.models is None:
        return chain("translate.model", settings.model or ())
    return RoutedTranslator(
        load("models", settings.models), load("back_models", settings.back_models or {})
    )


def _one(settings: Translate, key: str, location: str) -> Translator:
    if location.startswith(PREFIX):
        from mlc_data.translate.engines.chat import ChatTranslator  # httpx takes a while

        name = location.removeprefix(PREFIX)
        return ChatTranslator(name, settings.endpoints[name], decoding_of(settings))
    return _load(settings if settings.model == location else _single(settings, location), key)


def _single(settings: Translate, location: str) -> Translate:
    """Return the settings for one model of several; ``organisation/name@commit`` names its commit."""
    name, _, commit = location.partition("@")
    single = {"models": None, "back_models": None}
    if commit and is_hub_id(name):
        return settings.model_copy(update={**single, "model": name, "revision": commit})
    return settings.model_copy(update={**single, "model": location})


def _load(settings: Translate, key: str) -> Ct2Translator:
    folder = model_location(str(settings.model), key, settings.revision)
    if not (folder / "model.bin").is_file():
        raise ModelError(
            f"{key}: {folder} is not a CTranslate2 model (it has no model.bin). Convert one with "
            f"mlc-data models convert {settings.model} --out DIR, or name a converted repository "
            "on the Hub"
        )
    family = FAMILIES[_family(folder, settings)]
    return family(folder, settings, *_tokenizers(family, folder, settings))


def _family(folder: Path, settings: Translate) -> str:
    if settings.family != "auto":
        return settings.family
    named = weights.described(folder).get("family")
    if named is not None and named not in FAMILIES:
        raise ModelError(
            f"{folder / MODEL_FILE}: unknown family {named!r}; known are {', '.join(FAMILIES)}"
        )
    family = named or family_of(
        weights.vocabulary(folder), (path.name for path in folder.iterdir())
    )
    if family is None:
        raise ModelError(
            f"translate.family: the vocabulary of {folder} does not show its family; set it to one "
            f"of {', '.join(FAMILIES)}"
        )
    return str(family)


def _tokenizers(family: type[Ct2Translator], folder: Path, settings: Translate) -> list[Path]:
    where = folder
    if settings.tokenizer:
        names = [name for choices in family.tokenizers for name in choices]
        where = model_location(settings.tokenizer, "translate.tokenizer", only=names)
    paths: list[Path] = []
    for choices in family.tokenizers:
        there = [where / name for name in choices if (where / name).is_file()]
        if not there:
            raise ModelError(
                f"translate.tokenizer: {where} has no {choices[0]}; name a folder or Hub id that "
                "has one (for NLLB: facebook/nllb-200-distilled-600M)"
            )
        paths.append(there[0])
    return paths
