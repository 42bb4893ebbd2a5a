"""Loading of language models from a folder, the Hub or a GGUF file, with checks and identification.

Weights are read from safetensors or GGUF alone, and no code of a model's repository is ever run.
"""

from __future__ import annotations

import io
import json
import logging
import os
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mlc_data.core import progress
from mlc_data.core.hashing import hash_file, hash_value
from mlc_data.core.manifest import ModelRecord
from mlc_data.core.model_card import UNKNOWN, read_license, spdx
from mlc_data.core.paths import is_hub_id, model_location, snapshot_commit, user_cache
from mlc_data.errors import DiskFullError, ModelError, is_disk_full
from mlc_data.lm.gguf import gguf_entries

log = logging.getLogger(__name__)

KEY = "align.model"

_TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json", "spiece.model")
_DEPTHS = ("num_hidden_layers", "n_layer", "num_layers")
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
_LIBRARIES = r"(transformers|trl|peft|accelerate)\b"
_REVISION_LENGTH = 16
_UNPACKED = "gguf-1"  # raised whenever the copy of a GGUF file is made differently


@dataclass(frozen=True)
class LoadedModel:
    """A causal language model of transformers with its tokenizer."""

    model: Any
    tokenizer: Any
    record: ModelRecord


@contextmanager
def quiet() -> Iterator[None]:
    """Silence progress bars and messages of transformers, datasets and TRL: we show progress ourselves."""
    import datasets
    from transformers.utils import logging as noise

    level, bars = noise.get_verbosity(), noise.is_progress_bar_enabled()
    data_bars, tqdm = datasets.are_progress_bars_disabled(), os.environ.get("TQDM_DISABLE")
    noise.set_verbosity_error()
    noise.disable_progress_bar()
    datasets.disable_progress_bars()
    os.environ["TQDM_DISABLE"] = "1"
    try:
        with warnings.catch_warnings():
            # The libraries call each other's deprecated functions, which we cannot change.
            warnings.filterwarnings("ignore", category=FutureWarning, module=_LIBRARIES)
            yield
    finally:
        noise.set_verbosity(level)
        if bars:
            noise.enable_progress_bar()
        if not data_bars:
            datasets.enable_progress_bars()
        if tqdm is None:
            del os.environ["TQDM_DISABLE"]
        else:
            os.environ["TQDM_DISABLE"] = tqdm


def check_model(location: str, revision: str | None = None, key: str = KEY) -> int | None:
    """Check that a model can be loaded, without loading it; from the Hub only its config is downloaded.

    Returns:
        The number of its decoder layers; None if its configuration does not have it.

    Args:
        location: a folder, a .gguf file, a ``package://`` file, or a Hub id.
        revision: commit or tag on the Hub.
        key: the recipe's key, named in errors.

    Raises:
        ModelError: it is missing, incomplete, or has pickled weights only.
    """
    if is_hub_id(location):
        path = model_location(location, key, revision, only=["config.json"])
    else:
        path = model_location(location, key)
        _check_files(path, location, key)
    return _depth(path, key)


def layer_number(layer: int, depth: int) -> int:
    """Return a layer's number, 1 to ``depth``, from a number that may count from the end (-1 the last).

    Raises:
        ModelError: there is no such layer.
    """
    number = depth + 1 + layer if layer < 0 else layer
    if not 1 <= number <= depth:
        raise ModelError(
            f"align.loss.layer is {layer}, but the model has {depth} decoder layers: "
            f"name 1 to {depth}, or -1 (the last) to {-depth}"
        )
    return number


def identify(
    location: str, revision: str | None = None, key: str = KEY
) -> tuple[Path, ModelRecord]:
    """Return the model's folder or GGUF file on this machine, and its record.

    The revision is the Hub's commit, or a hash of the files that determine what the model does.

    Raises:
        ModelError: see `check_model`.
    """
    path = model_location(location, key, revision)
    _check_files(path, location, key)
    if path.is_file():
        license = spdx(str(gguf_entries(path).get("general.license", UNKNOWN)))
    else:
        license = read_license(path)
    return path, ModelRecord(id=location, revision=revision_of(path, location), licence=license)


def revision_of(
    path: Path, location: str, patterns: Sequence[str] = ("*.safetensors", "*.json", "*.model")
) -> str:
    """Return the commit of a Hub snapshot, or a hash of the files that determine what a model does.

    Args:
        path: the model's folder or GGUF file.
        location: as the recipe names it.
        patterns: of the files in a folder that are hashed.
    """
    if path.is_file():
        return hash_file(path)[:_REVISION_LENGTH]
    if is_hub_id(location):
        return snapshot_commit(path)
    files = sorted({file for pattern in patterns for file in path.glob(pattern)})
    return hash_value({file.name: hash_file(file) for file in files})[:_REVISION_LENGTH]


def default_device() -> str:
    """Return ``cuda`` where torch sees a GPU, else ``cpu``."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def load_model(
    location: str,
    revision: str | None = None,
    dtype: Literal["float32", "bfloat16"] = "float32",
    key: str = KEY,
) -> LoadedModel:
    """Load a model and its tokenizer on the CPU, checked to fit each other.

    A de-quantised copy of a GGUF file in safetensors is kept in the user's cache folder
    (``MLC_DATA_CACHE``), named by the file's hash. A tokenizer without a padding token pads with
    its end-of-text token.

    Args:
        location: a folder, a .gguf file, a ``package://`` file, or a Hub id.
        revision: commit or tag on the Hub.
        dtype: type of the weights in memory.
        key: the recipe's key, named in errors.

    Raises:
        ModelError: it is missing, incomplete, damaged, of an unknown architecture, or has pickled
            weights only.
    """
    path, record = identify(location, revision, key)
    with quiet():
        folder = path if path.is_dir() else _unpacked(path, location, key)
        model, tokenizer = _read(folder, location, key, dtype)
    if tokenizer.eos_token_id is None:
        raise ModelError(f"{key}: the tokenizer of {location} has no end-of-text token")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    rows = model.get_input_embeddings().num_embeddings
    if max(tokenizer.get_vocab().values()) >= rows:
        raise ModelError(
            f"{key}: the tokenizer of {location} has tokens that the model has no embedding for "
            f"({len(tokenizer)} tokens, {rows} embeddings): they are not of one model"
        )
    settings = model.generation_config
    if settings.eos_token_id is None:
        settings.eos_token_id = tokenizer.eos_token_id
    if settings.pad_token_id is None:
        settings.pad_token_id = tokenizer.pad_token_id
    return LoadedModel(model, tokenizer, record)


def _read(folder: Path, location: str, key: str, dtype: str) -> tuple[Any, Any]:
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        model, info = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=getattr(torch, dtype),
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        if is_disk_full(error):
            raise
        raise ModelError(f"{key}: cannot load {location}: {_first_line(error)}") from error
    if missing := sorted(info["missing_keys"]):
        raise ModelError(
            f"{key}: {location} lacks {len(missing)} weights, such as {missing[0]}: "
            "it is incomplete, or no causal language model"
        )
    return model, tokenizer


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _check_files(path: Path, location: str, key: str) -> None:
    if path.is_file():
        if path.suffix != ".gguf":
            raise ModelError(f"{key}: {location} is a file but no .gguf: name the model's folder")
        gguf_entries(path)
        return
    if (path / "adapter_config.json").is_file() and not (path / "config.json").is_file():
        raise ModelError(f"{key}: {location} holds adapters alone: merge them into their model")
    if not (path / "config.json").is_file():
        raise ModelError(f"{key}: {location} has no config.json: not a Hugging Face model folder")
    if not any(path.glob("*.safetensors")):
        pickled = sorted(file.name for pattern in _PICKLES for file in path.glob(pattern))
        raise ModelError(
            f"{key}: {location} has pickled weights only ({pickled[0]}), which can run code when "
            "they are loaded: convert them to safetensors"
            if pickled
            else f"{key}: {location} has no *.safetensors: the weights are missing"
        )
    if not any((path / name).is_file() for name in _TOKENIZERS):
        raise ModelError(f"{key}: {location} has no tokenizer ({', '.join(_TOKENIZERS)})")


def _depth(path: Path, key: str) -> int | None:
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


def _unpacked(file: Path, location: str, key: str) -> Path:
    """Return a folder with the GGUF file's model in safetensors (float32), created if it does not exist."""
    folder = user_cache() / "models" / f"{_UNPACKED}-{hash_file(file)[:_REVISION_LENGTH]}"
    if folder.is_dir():
        return folder
    log.info("%s: unpacking %s into %s, once", key, location, folder)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        _unpack(file, temporary)
        if folder.is_dir():  # another process was faster
            return folder
        temporary.rename(folder)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        if is_disk_full(error):
            raise DiskFullError(
                f"no space left for the unpacked copy of {location} in {folder.parent} (float32, "
                f"about {file.stat().st_size * 6 // 1_000_000} MB); free some, or set MLC_DATA_CACHE"
            ) from error
        raise ModelError(f"{key}: cannot unpack {location}: {_first_line(error)}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _unpack(file: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    options = {"gguf_file": file.name, "trust_remote_code": False}
    with progress.bar("unpacking the model", 3, "parts") as bar:
        tokenizer = AutoTokenizer.from_pretrained(file.parent, **options)
        tokenizer.save_pretrained(folder)
        bar.advance()
        with redirect_stderr(io.StringIO()):  # transformers draws its bar in spite of its settings
            model = AutoModelForCausalLM.from_pretrained(
                file.parent, dtype=torch.float32, **options
            )
        bar.advance()
        _save_plain(model, folder)
        bar.advance()


def _save_plain(model: Any, folder: Path) -> None:
    # The weights are plain numbers by now, but the model still calls itself quantised.
    del model.config.quantization_config
    model.hf_quantizer, model.is_quantized = None, False
    model.save_pretrained(folder)
