"""A CTranslate2 model's folder: its record, its vocabulary, its device."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from mlc_data.core.cores import available_cores
from mlc_data.core.hashing import hash_file
from mlc_data.errors import ModelError
from mlc_data.recipe.recipe import Translate
from mlc_data.translate.engines.runtime import ctranslate2, load_cublas

log = logging.getLogger(__name__)

MODEL_FILE = "mlc_data_model.json"
"""Optional file next to a model's weights: id, licence, family, languages, max_source_tokens."""

_BATCHES_AT_ONCE = 4  # on a CPU; each has its own activations, while weights are shared
_SHARED = ("shared_vocabulary.json", "shared_vocabulary.txt")
_SOURCE = ("source_vocabulary.json", "source_vocabulary.txt")


@dataclass(frozen=True)
class Device:
    """Device and numeric type of a model, with every ``auto`` resolved."""

    name: str
    indices: tuple[int, ...]
    compute_type: str
    inter_threads: int
    intra_threads: int

    @property
    def batches_at_once(self) -> int:
        """Number of batches at the same time, on all devices together (>= 1)."""
        return self.inter_threads * len(self.indices)

    @classmethod
    def of(cls, settings: Translate) -> Device:
        """Return the device that a recipe asks for.

        Raises:
            ModelError: there is no such device, or it does not support the compute type.
        """
        gpus = ctranslate2().get_cuda_device_count()
        name = settings.device if settings.device != "auto" else ("cuda" if gpus else "cpu")
        if name == "cuda" and not gpus:
            raise ModelError("translate.device: CTranslate2 sees no CUDA device; use auto or cpu")
        if name == "cuda" and max(settings.device_index) >= gpus:
            raise ModelError(
                f"translate.device_index: there are {gpus} CUDA devices, counted from 0"
            )
        indices = settings.device_index if name == "cuda" else (0,)
        inter, intra = threads(settings.inter_threads, settings.intra_threads, name)
        return cls(name, indices, _compute_type(settings, name, indices), inter, intra)


def threads(inter: int, intra: int, device: str) -> tuple[int, int]:
    """Return batches at once and threads per batch; 0 is replaced by a choice for the cores that this
    process may use. On a GPU both are 1 by default."""
    cores = available_cores() if device == "cpu" else 1
    if not inter:
        # Parallel batches use cores better than threads within a batch.
        inter = max(1, cores // intra) if intra else min(_BATCHES_AT_ONCE, cores)
    return inter, intra or max(1, cores // inter)


def with_cores(settings: Translate, cores: int | None) -> Translate:
    """Return the settings with threads for ``cores`` cores, if they do not name any; None leaves the choice to
    `threads`. On a GPU they stay as they are."""
    chosen = settings.inter_threads or settings.intra_threads
    if cores is None or chosen or Device.of(settings).name != "cpu":
        return settings
    inter = min(_BATCHES_AT_ONCE, cores)
    return settings.model_copy(
        update={"inter_threads": inter, "intra_threads": max(1, cores // inter)}
    )


def _compute_type(settings: Translate, device: str, indices: tuple[int, ...]) -> str:
    # Types that all GPUs support.
    module = ctranslate2()
    supported = set.intersection(
        *(set(module.get_supported_compute_types(device, index)) for index in indices)
    )
    if settings.compute_type == "auto":
        # Tensor cores need half precision; bfloat16 where a GPU has no fast int8 with float16.
        wanted = (
            ("int8_float16", "int8_bfloat16", "bfloat16", "float16")
            if device == "cuda"
            else ("int8",)
        )
        return next((kind for kind in wanted if kind in supported), "float32")
    if settings.compute_type not in supported:
        raise ModelError(
            f"translate.compute_type: {settings.compute_type!r} is not supported on this {device}; "
            f"these are: {', '.join(sorted(supported))}"
        )
    return settings.compute_type


def described(folder: Path) -> dict[str, Any]:
    """Return the contents of `MODEL_FILE`; see `read_json`."""
    return read_json(folder / MODEL_FILE)


def configured(folder: Path) -> dict[str, Any]:
    """Return CTranslate2's own ``config.json``; see `read_json`."""
    return read_json(folder / "config.json")


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; empty if there is none.

    Raises:
        ModelError: the file holds no JSON object.
    """
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelError(f"{path} is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise ModelError(f"{path} holds no JSON object")
    return data


@lru_cache(maxsize=64)
def revision(folder: Path) -> str:
    """Return the start of the SHA-256 of the weights: 16 hexadecimal digits."""
    return hash_file(folder / "model.bin")[:16]


@lru_cache(maxsize=64)
def file_hash(path: Path) -> str:
    """Return the start of the SHA-256 of any file, for tokenizers."""
    return hash_file(path)[:16]


def vocabulary(folder: Path) -> frozenset[str]:
    """Return the tokens that a source may have: of the shared vocabulary, or of the source's own.

    Raises:
        ModelError: the folder has neither.
    """
    for name in (*_SHARED, *_SOURCE):
        path = folder / name
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            return frozenset(json.loads(text) if name.endswith("json") else text.split("\n"))
    raise ModelError(
        f"translate.model: {folder} has no {_SHARED[0]} and no {_SOURCE[0]}: no translation model"
    )


def load(folder: Path, device: Device) -> Any:
    """Load the weights, on their device.

    Raises:
        ModelError: they cannot be loaded, or cuBLAS 12 is missing, without which a GPU translates nothing.
    """
    module = ctranslate2()
    if device.name == "cuda" and (reason := load_cublas()):
        raise ModelError(f"translate.device: {reason}")
    try:
        return module.Translator(
            str(folder),
            device=device.name,
            device_index=list(device.indices) if device.name == "cuda" else 0,
            compute_type=device.compute_type,
            inter_threads=device.inter_threads,
            intra_threads=device.intra_threads,
        )
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"translate.model: {folder} cannot be loaded: {error}") from error
