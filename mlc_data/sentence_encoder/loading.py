"""Encoders as a recipe names them."""

from __future__ import annotations

from functools import lru_cache

from mlc_data.core.paths import model_location
from mlc_data.core.plugins import ENCODERS, create_plugin, is_plugin
from mlc_data.core.revision import revision_of
from mlc_data.sentence_encoder.base import KEY, CachedEncoder, SentenceEncoder
from mlc_data.sentence_encoder.packaged import PACKAGED
from mlc_data.sentence_encoder.transformers import TransformersEncoder


@lru_cache(maxsize=4)
def load_encoder(location: str, prefix: str = "") -> CachedEncoder:
    """Return the encoder that ``checks.meaning.encoder`` names. Its model is loaded at its first use.

    Args:
        location: ``use-multilingual``, a class (``module:Class``, or an entry point of the group
            ``mlc_data.encoders``), or a folder or Hub id of an encoder of transformers.
        prefix: text put before each text, for encoders of transformers.

    Raises:
        ModelError: there is none, or it is not a sentence encoder.
        UsageError: the class cannot be imported or is not an encoder.
    """
    return CachedEncoder(_load(location, prefix))


def _load(location: str, prefix: str) -> SentenceEncoder:
    if location in PACKAGED:
        return PACKAGED[location]()
    if is_plugin(location, ENCODERS):
        encoder: SentenceEncoder = create_plugin(location, ENCODERS, KEY, SentenceEncoder)
        return encoder
    folder = model_location(location, KEY)
    revision = revision_of(folder, location, ("**/*.json", "**/*.safetensors"))
    return TransformersEncoder(folder, location, revision, prefix)
