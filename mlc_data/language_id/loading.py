"""Identifiers as a recipe names them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from mlc_data.core.paths import is_hub_id, model_location
from mlc_data.core.plugins import IDENTIFIERS, create_plugin, is_plugin
from mlc_data.errors import ModelError
from mlc_data.language_id.base import KEY, LanguageIdentifier
from mlc_data.language_id.fasttext import FastTextIdentifier
from mlc_data.language_id.packaged import PACKAGED

_HUB_FILES = ("model.bin", "lid*.bin", "lid*.ftz")


@lru_cache(maxsize=8)
def load_identifier(location: str) -> LanguageIdentifier:
    """Return an identifier that a recipe's ``checks.language_identifiers`` names.

    Its model is loaded at its first use.

    Args:
        location: ``lingua``, ``heliport``, a class (``module:Class``, or an entry point
            of the group ``mlc_data.identifiers``), or the location of a fastText model.

    Raises:
        ModelError: there is none, or it is not a fastText model.
        UsageError: the class cannot be imported or is not an identifier.
    """
    if location in PACKAGED:
        return PACKAGED[location]()
    if is_plugin(location, IDENTIFIERS):
        identifier: LanguageIdentifier = create_plugin(
            location, IDENTIFIERS, KEY, LanguageIdentifier
        )
        return identifier
    path = model_location(location, KEY, only=_HUB_FILES)
    name = location if is_hub_id(location) else None
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix in (".ftz", ".bin"))
        # GlotLID keeps older models next to the present one.
        files = [file for file in files if file.name == "model.bin"] or files
        if len(files) != 1:
            names = ", ".join(file.name for file in files) or "none"
            raise ModelError(
                f"{KEY}: {location} should hold one .ftz or .bin file, it has: {names}"
            )
        path = files[0]
    return FastTextIdentifier(path, name)


def load_identifiers(locations: Sequence[str]) -> tuple[LanguageIdentifier, ...]:
    """Return the identifiers in order.

    Raises:
        ModelError: see `load_identifier`.
        UsageError: see `load_identifier`.
    """
    return tuple(load_identifier(location) for location in locations)
