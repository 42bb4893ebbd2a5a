"""Loading of language models from a folder, the Hub or a GGUF file, with checks and identification.

Weights are read from safetensors or GGUF alone, and no code of a model's repository is ever run.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mlc_data.core.hashing import hash_value
from mlc_data.core.manifest import ModelRecord
from mlc_data.core.model_card import UNKNOWN, read_license, spdx
from mlc_data.core.paths import is_hub_id, model_location
from mlc_data.core.revision import REVISION_LENGTH, revision_of
from mlc_data.errors import ModelError, first_line, is_disk_full
from mlc_data.lm.chat_template import Chat, prepare
from mlc_data.lm.gguf import gguf_entries
from mlc_data.lm.model_files import (
    ADAPTER,
    TOKENIZERS,
    adapter_base,
    check_files,
    depth_of,
    is_adapter,
)
from mlc_data.lm.tokenizers import fit_tokenizer, read_tokenizer
from mlc_data.lm.unpack import unpacked
from mlc_data.recipe.align_options import QUANTISATION, model_options

log = logging.getLogger(__name__)

KEY = "align.model"

_LIBRARIES = r"(transformers|trl|peft|accelerate)\b"


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
        path = model_location(location, key, revision, only=["config.json", ADAPTER])
    else:
        path = model_location(location, key)
        check_files(path, location, key)
    if is_adapter(path):
        base, of = adapter_base(path, location, key)
        return check_model(base, of, f"{key} (the model of {location})")
    return depth_of(path, key)


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
    check_files(path, location, key)
    revised = revision_of(path, location)
    if path.is_file():
        license = spdx(str(gguf_entries(path).get("general.license", UNKNOWN)))
    else:
        license = read_license(path)
    if is_adapter(path):
        base, of = adapter_base(path, location, key)
        _, record = identify(base, of, f"{key} (the model of {location})")
        revised = hash_value([revised, record.id, record.revision])[:REVISION_LENGTH]
        license = record.licence if license == UNKNOWN else license
    return path, ModelRecord(id=location, revision=revised, licence=license)


def default_device() -> str:
    """Return ``cuda`` where torch sees a GPU, else ``cpu``."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def device_dtype() -> Literal["float32", "bfloat16"]:
    """Return bfloat16 if `default_device` computes in it itself, else float32."""
    import torch

    on_gpu = default_device() == "cuda"
    native = on_gpu and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bfloat16" if native else "float32"


def load_on_device(
    location: str, revision: str | None, dtype: Any, chat: Chat | None = None
) -> tuple[Any, Any]:
    """Return the model and tokenizer of `load_model`, on the GPU if there is one."""
    loaded = load_model(location, revision, dtype, KEY, chat=chat)
    with quiet():
        return loaded.model.to(default_device()), loaded.tokenizer


def load_model(
    location: str,
    revision: str | None = None,
    dtype: Literal["float32", "bfloat16"] = "float32",
    key: str = KEY,
    *,
    chat: Chat | None = None,
    options: Mapping[str, Any] | None = None,
) -> LoadedModel:
    """Load a model and its tokenizer on the CPU, checked to fit each other.

    Of a GGUF file a de-quantised copy in safetensors is kept in the user's cache folder
    (``MLC_DATA_CACHE``), named by the file's hash. A folder of adapters gives their model with the
    adapters merged. A tokenizer without a padding token pads with its end-of-text token. Added
    tokens that the model has no embedding for are read as ordinary text.

    Args:
        location: a folder, a .gguf file, a ``package://`` file, or a Hub id.
        revision: commit or tag on the Hub.
        dtype: type of the weights in memory.
        key: the recipe's key, named in errors.
        chat: settings of the chat template, see `mlc_data.lm.chat_template.prepare`; the model stops at
            the token that ends its turn. None leaves the template as it is.
        options: the recipe's ``align.model_options``.

    Raises:
        ModelError: it is missing, incomplete, damaged, of an unknown architecture, or has pickled
            weights only.
    """
    path, record = identify(location, revision, key)
    with quiet():
        if is_adapter(path):
            model, tokenizer = _read_adapter(path, location, key, dtype, options)
        else:
            folder = path if path.is_dir() else unpacked(path, location, key)
            tokenizer = read_tokenizer(folder, location, key)
            model = _read(folder, location, key, dtype, options)
    fit_tokenizer(tokenizer, model.get_input_embeddings().num_embeddings, location, key)
    end = prepare(tokenizer, chat, location, key, report=False) if chat is not None else None
    settings = model.generation_config
    if settings.eos_token_id is None:
        settings.eos_token_id = tokenizer.eos_token_id
    stops = settings.eos_token_id
    stops = list(stops) if isinstance(stops, list | tuple) else [stops]
    if end is not None and end not in stops:
        settings.eos_token_id = [*stops, end]
    if settings.pad_token_id is None:
        settings.pad_token_id = tokenizer.pad_token_id
    return LoadedModel(model, tokenizer, record)


def load_description(location: str, revision: str | None, key: str) -> tuple[Any, Any]:
    """Load a model's config and its tokenizer; of the Hub no weights are fetched.

    Raises:
        ModelError: they cannot be loaded.
    """
    from transformers import AutoConfig

    only = ["*.json", "*.model", "*.txt", "*.jinja"] if is_hub_id(location) else None
    path = model_location(location, key, revision, only)
    with quiet():
        if is_adapter(path):
            base, of = adapter_base(path, location, key)
            config, tokenizer = load_description(base, of, f"{key} (the model of {location})")
            if any((path / name).is_file() for name in TOKENIZERS):
                tokenizer = read_tokenizer(path, location, key)
            return config, tokenizer
        folder = path if path.is_dir() else unpacked(path, location, key)
        tokenizer = read_tokenizer(folder, location, key)
        try:
            return AutoConfig.from_pretrained(folder, trust_remote_code=False), tokenizer
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(f"{key}: cannot load {location}: {first_line(error)}") from error


def _read_adapter(
    path: Path, location: str, key: str, dtype: str, options: Mapping[str, Any] | None
) -> tuple[Any, Any]:
    """The model of adapters with the adapters merged, and their tokenizer or else the model's."""
    from peft import PeftModel

    base, revision = adapter_base(path, location, key)
    found = model_location(base, f"{key} (the model of {location})", revision)
    if is_adapter(found):
        raise ModelError(
            f"{key}: {location} holds adapters of adapters ({base}): merge those first"
        )
    folder = found if found.is_dir() else unpacked(found, base, key)
    own = any((path / name).is_file() for name in TOKENIZERS)
    tokenizer = read_tokenizer(path if own else folder, location, key)
    model = _read(folder, base, key, dtype, options)
    try:
        merged = PeftModel.from_pretrained(model, str(path)).merge_and_unload()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(
            f"{key}: the adapters of {location} do not fit to {base}: {first_line(error)}"
        ) from error
    if (path / "generation_config.json").is_file():
        from transformers import GenerationConfig

        merged.generation_config = GenerationConfig.from_pretrained(path)
    return merged, tokenizer


def _quantisation(options: Mapping[str, Any], dtype: Any) -> dict[str, Any]:
    """Return the arguments of `from_pretrained`, those of quantisation in the library's own form."""
    from transformers import BitsAndBytesConfig

    named = model_options(options)
    bits = {name: named.pop(name) for name in list(named) if name in QUANTISATION}
    if not bits:
        return named
    if bits.get("load_in_4bit"):
        bits.setdefault("bnb_4bit_compute_dtype", dtype)
    return {**named, "quantization_config": BitsAndBytesConfig(**bits)}


def _read(
    folder: Path, location: str, key: str, dtype: str, options: Mapping[str, Any] | None
) -> Any:
    import torch
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM

    kind = getattr(torch, dtype)
    try:
        model, info = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=kind,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            **_quantisation(options or {}, kind),
        )
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
        if is_disk_full(error):
            raise
        raise ModelError(f"{key}: cannot load {location}: {first_line(error)}") from error
    if missing := sorted(info["missing_keys"]):
        raise ModelError(
            f"{key}: {location} lacks {len(missing)} weights, such as {missing[0]}: "
            "it is incomplete, or no causal language model"
        )
    return model


def read_pretrained(
    architecture: str, folder: Path, location: str, key: str, dtype: str = "auto"
) -> tuple[Any, Any]:
    """Read a model and its tokenizer from safetensors, checked to be complete and to fit each other.

    Args:
        architecture: one of the auto classes of transformers, such as ``AutoModelForCausalLM``.
        folder: the model's files.
        location: as the recipe's ``key`` names it; both are named in errors.
        key: see ``location``.
        dtype: type of the weights in memory; ``auto`` leaves it to transformers.

    Raises:
        ModelError: it is incomplete, damaged, pickled, or of another architecture.
    """
    import transformers
    from safetensors import SafetensorError

    options: dict[str, Any] = {} if dtype == "auto" else {"dtype": dtype}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        model, info = getattr(transformers, architecture).from_pretrained(
            folder,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
            **options,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        if is_disk_full(error):
            raise
        raise ModelError(f"{key}: cannot load {location}: {first_line(error)}") from error
    if missing := sorted(info["missing_keys"]):
        # Missing weights are initialized at random: what the model says would be random, too.
        raise ModelError(
            f"{key}: {location} lacks {len(missing)} weights, such as {missing[0]}: it is incomplete, or "
            f"no model for {architecture}"
        )
    rows = model.get_input_embeddings().num_embeddings
    if max(tokenizer.get_vocab().values()) >= rows:
        raise ModelError(
            f"{key}: the tokenizer of {location} has tokens that the model has no embedding for "
            f"({len(tokenizer)} tokens, {rows} embeddings): they are not of one model"
        )
    return model, tokenizer
