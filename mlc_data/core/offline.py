"""Work without requests to the Hugging Face Hub: only what is in its local cache is found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

_SWITCH = "HF_HUB_OFFLINE"
_MODULES = ("huggingface_hub.constants", "datasets.config")


@contextmanager
def offline() -> Iterator[None]:
    """Keep `huggingface_hub` and `datasets` from downloading anything while the block runs.

    Both read the variable HF_HUB_OFFLINE once, when they are imported; here their constants are set.
    """
    modules: list[Any] = [import_module(name) for name in _MODULES]
    before = [getattr(module, _SWITCH) for module in modules]
    try:
        for module in modules:
            setattr(module, _SWITCH, True)
        yield
    finally:
        for module, value in zip(modules, before, strict=True):
            setattr(module, _SWITCH, value)
