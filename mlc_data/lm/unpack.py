"""Copies of GGUF files in safetensors, made once in the user's cache."""

from __future__ import annotations

import io
import logging
from contextlib import redirect_stderr
from functools import cache
from pathlib import Path
from typing import Any

from mlc_data.core import progress
from mlc_data.core.files import atomic_folder
from mlc_data.core.hashing import hash_file
from mlc_data.core.paths import user_cache
from mlc_data.core.revision import REVISION_LENGTH
from mlc_data.core.seals import damage, seal
from mlc_data.errors import DiskFullError, ModelError, first_line, is_disk_full

log = logging.getLogger(__name__)

_UNPACKED = "gguf-1"  # raised whenever the copy of a GGUF file is made differently


def unpacked(file: Path, location: str, key: str) -> Path:
    """Return a folder with the GGUF file's model in safetensors (float32).

    It is created if it does not exist, and anew if it is not as it was written.
    """
    folder = user_cache() / "models" / f"{_UNPACKED}-{hash_file(file)[:REVISION_LENGTH]}"
    reason = _damage(folder, _signature(folder)) if folder.is_dir() else None
    if folder.is_dir() and reason is None:
        return folder
    if reason is not None:
        log.warning("%s: the unpacked copy %s is not used: %s", key, folder, reason)
    log.info("%s: unpacking %s into %s, once", key, location, folder)
    try:
        # Another process may be faster; its copy is the same.
        with atomic_folder(folder, replace=reason is not None) as temporary:
            _unpack(file, temporary)
            seal(temporary)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError) as error:
        if is_disk_full(error):
            raise DiskFullError(
                f"no space left for the unpacked copy of {location} in {folder.parent} (float32, "
                f"about {file.stat().st_size * 6 // 1_000_000} MB); free some, or set MLC_DATA_CACHE"
            ) from error
        raise ModelError(f"{key}: cannot unpack {location}: {first_line(error)}") from error
    return folder


def _signature(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return names, sizes and times of a folder's files: as long as they are the same, nothing is read again."""
    stats = ((path.name, path.stat()) for path in sorted(folder.iterdir()))
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)


@cache
def _damage(folder: Path, _: tuple[tuple[str, int, int], ...]) -> str | None:
    return damage(folder)


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
