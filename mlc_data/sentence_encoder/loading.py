"""Encoders as a recipe names them."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from mlc_data.core.hashing import hash_file, hash_value
from mlc_data.core.paths import is_hub_id, model_location, snapshot_commit
from mlc_data.core.plugins import ENCODERS, create_plugin, is_plugin
from mlc_data.sentence_encoder.base import KEY, CachedEncoder, SentenceEncoder
from mlc_data.sentence_encoder.packaged import PACKAGED
from mlc_data.sentence_encoder.transformers import TransformersEncoder

_REVISION_LENGTH = 16


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
    revision = snapshot_commit(folder) if is_hub_id(location) else _hash(folder)
    return TransformersEncoder(folder, location, revision, prefix)


def _hash(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".json", ".safetensors"))
    hashes = {str(path.relative_to(folder)): hash_file(path) for path in files}
    return hash_value(hashes)[:_REVISION_LENGTH]
