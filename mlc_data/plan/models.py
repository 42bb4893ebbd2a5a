"""Models of a recipe: on this machine or not, size, parameters, licence."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from mlc_data.core.model_card import read_license
from mlc_data.core.paths import is_hub_id, model_location
from mlc_data.core.plugins import IDENTIFIERS, is_plugin
from mlc_data.errors import ModelError
from mlc_data.language_id.packaged import PACKAGED
from mlc_data.lm.gguf import gguf_entries
from mlc_data.lm.loading import identify
from mlc_data.publish.license import UNKNOWN
from mlc_data.recipe.judges import Classifier, Guard
from mlc_data.recipe.recipe import Recipe

_NAMED = re.compile(r"(?<![A-Za-z0-9.])(\d+(?:\.\d+)?)([bBmM])(?![A-Za-z0-9])")
_UNIT = {"b": 1e9, "m": 1e6}
_ASPECT = 128  # width of a decoder layer relative to the number of layers, in common models
_VOCABULARY = 128_000


@dataclass(frozen=True)
class Shape:
    """Shape of a causal language model, from its configuration, or estimated from its parameters."""

    parameters: int
    layers: int
    width: int
    vocabulary: int
    basis: str


@dataclass(frozen=True)
class Model:
    """A model that a recipe names.

    Attributes:
        role: its part in the recipe.
        location: as the recipe names it.
        path: on this machine; None where it would have to be fetched.
        bytes: size on disk; None where it is not here.
        licence: SPDX identifier, or `unknown`.
    """

    role: str
    location: str
    path: Path | None
    bytes: int | None
    licence: str = UNKNOWN


def find_models(recipe: Recipe) -> tuple[Model, ...]:
    """Return the models of a recipe, in the order of their use. Call it offline."""
    return tuple(
        _found(role, location, revision, licence)
        for role, location, revision, licence in dict.fromkeys(_named(recipe))
    )


def _named(recipe: Recipe) -> Iterator[tuple[str, str, str | None, str | None]]:
    for location in recipe.checks.language_identifiers:
        if location not in PACKAGED and not is_plugin(location, IDENTIFIERS):
            yield "language identifier", location, None, None
    for role, settings in (
        ("translator", recipe.translate),
        ("second translator", recipe.rescue.model),
    ):
        for location in settings.locations if settings else ():
            name, _, commit = location.partition("@")
            revision = commit or settings.revision if settings else None
            yield role, name, revision, settings.licence if settings else None
        if settings and settings.tokenizer:
            yield "tokenizer", settings.tokenizer, None, None
    yield "base", recipe.align.model, recipe.align.revision, None
    safety = recipe.evaluate.safety
    for judge in safety.judges if safety else ():
        if isinstance(judge, Guard | Classifier):
            yield "judge", judge.model, judge.revision, None


def _found(role: str, location: str, revision: str | None, licence: str | None) -> Model:
    try:
        path = model_location(location, role, revision)
        if role == "base":
            _, record = identify(location, revision, role)
            licence = record.licence
    except ModelError:  # the plan says that it is not here
        return Model(role, location, None, None, licence or UNKNOWN)
    if licence is None:
        licence = read_license(path) if path.is_dir() else UNKNOWN
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return Model(role, location, path, sum(file.stat().st_size for file in files), licence)


def is_here(location: str, revision: str | None = None) -> bool:
    """Return whether a model is on this machine, of the Hub in its local cache. Call it offline."""
    try:
        return model_location(location, "model", revision).exists()
    except ModelError:
        return False


def named_parameters(location: str) -> int | None:
    """Return the number of parameters that a model's name says (``Qwen2.5-7B``, ``600M``); None if it says none."""
    found = _NAMED.findall(location.rpartition("/")[2].replace("_", "-"))
    return round(float(found[-1][0]) * _UNIT[found[-1][1].lower()]) if found else None


def shape_of(model: Model) -> Shape | None:
    """Return the shape of a causal language model: from its files, else from its name; None if neither says it."""
    if model.path is not None and model.path.is_file():
        return _of_gguf(model.path)
    config = _config(model.path) if model.path else {}
    counted = _counted(model.path) if model.path else None
    parameters = counted or named_parameters(model.location)
    if parameters is None:
        return None
    layers = config.get("num_hidden_layers")
    width = config.get("hidden_size")
    guess = max(1, round((parameters / (12 * _ASPECT**2)) ** (1 / 3)))
    return Shape(
        parameters=parameters,
        layers=int(layers or guess),
        width=int(width or guess * _ASPECT),
        vocabulary=int(config.get("vocab_size") or _VOCABULARY),
        basis="the model's files" if counted and layers else "estimated from the model's name",
    )


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    inner = config.get("text_config")
    return inner if isinstance(inner, dict) else config


def _counted(folder: Path) -> int | None:
    """Return the number of weights in the folder's safetensors files; None if it has none."""
    total = 0
    for file in folder.glob("*.safetensors"):
        with file.open("rb") as handle:
            (size,) = struct.unpack("<Q", handle.read(8))
            header = json.loads(handle.read(size))
        total += sum(prod(each["shape"]) for name, each in header.items() if name != "__metadata__")
    return total or None


def _of_gguf(path: Path) -> Shape:
    from gguf import GGUFReader

    reader = GGUFReader(path)
    parameters = sum(int(tensor.n_elements) for tensor in reader.tensors)
    architecture = str(gguf_entries(path)["general.architecture"])

    def entry(name: str) -> int:
        return int(reader.fields[f"{architecture}.{name}"].contents())

    vocabulary = len(reader.fields["tokenizer.ggml.tokens"].data)
    return Shape(
        parameters, entry("block_count"), entry("embedding_length"), vocabulary, "the model's files"
    )


def is_fetched(model: Model) -> bool:
    """Return whether the model would be fetched from the Hub."""
    return model.path is None and is_hub_id(model.location)
