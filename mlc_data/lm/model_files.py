"""Files of a model's folder, looked at without loading it."""

from __future__ import annotations

import json
from pathlib import Path

from mlc_data.errors import ModelError
from mlc_data.lm.gguf import gguf_entries

TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
"""Files that a tokenizer can be read from."""
ADAPTER = "adapter_config.json"
"""File that adapters of PEFT come with."""

_DEPTHS = ("num_hidden_layers", "n_layer", "num_layers")
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")


def is_adapter(path: Path) -> bool:
    """Return whether a folder holds adapters alone, without the model that they belong to."""
    return (path / ADAPTER).is_file() and not (path / "config.json").is_file()


def adapter_base(path: Path, location: str, key: str) -> tuple[str, str | None]:
    """Location and revision of the model that adapters belong to.

    Raises:
        ModelError: the adapters do not name it.
    """
    try:
        config = json.loads((path / ADAPTER).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{key}: {path / ADAPTER} is not JSON: {error}") from error
    base = config.get("base_model_name_or_path")
    if not base:
        raise ModelError(f"{key}: {location} holds adapters that do not name their model")
    return str(base), config.get("revision")


def check_files(path: Path, location: str, key: str) -> None:
    """Check that a folder or file can hold a model.

    Raises:
        ModelError: a file is missing, or the weights are pickled.
    """
    if path.is_file():
        if path.suffix != ".gguf":
            raise ModelError(f"{key}: {location} is a file but no .gguf: name the model's folder")
        gguf_entries(path)
        return
    if is_adapter(path):
        if not any(path.glob("adapter_model*.safetensors")):
            raise ModelError(_no_weights(path, location, key))
        return
    if not (path / "config.json").is_file():
        raise ModelError(f"{key}: {location} has no config.json: not a Hugging Face model folder")
    if not any(path.glob("*.safetensors")):
        raise ModelError(_no_weights(path, location, key))
    if not any((path / name).is_file() for name in TOKENIZERS):
        raise ModelError(f"{key}: {location} has no tokenizer ({', '.join(TOKENIZERS)})")


def _no_weights(path: Path, location: str, key: str) -> str:
    pickled = sorted(file.name for pattern in _PICKLES for file in path.glob(pattern))
    return (
        f"{key}: {location} has pickled weights only ({pickled[0]}), which can run code when "
        "they are loaded: convert them to safetensors"
        if pickled
        else f"{key}: {location} has no *.safetensors: the weights are missing"
    )


def depth_of(path: Path, key: str) -> int | None:
    """Return the number of decoder layers; None if the configuration does not have it.

    Raises:
        ModelError: the configuration is not JSON.
    """
    if path.is_file():
        architecture = gguf_entries(path).get("general.architecture")
        value = gguf_entries(path, f"{architecture}.").get(f"{architecture}.block_count")
        return int(value) if value is not None else None
    try:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{key}: {path / 'config.json'} is not JSON: {error}") from error
    for part in (config, config.get("text_config") or {}):
        for name in _DEPTHS:
            if isinstance(part.get(name), int):
                return int(part[name])
    return None
