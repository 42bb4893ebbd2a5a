"""Alignment: the consistency loss, what feeds it, and the training around it.

`MultilingualConsistencyLoss` needs torch alone; the rest is imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mlc_data.align.loss import MultilingualConsistencyLoss

if TYPE_CHECKING:
    from mlc_data.align.batches import PromptFormat, SetSampler, TokenSets, tokenise_sets
    from mlc_data.align.encode import encode_location, encode_sets, plain_loss
    from mlc_data.align.model import LoadedModel, check_model, load_model
    from mlc_data.align.stage import align, preflight
    from mlc_data.align.states import last_token_states, set_states
    from mlc_data.align.stopping import request_stop
    from mlc_data.align.trainer import Consistency, MLCDPOTrainer, MLCTrainerMixin

__all__ = [
    "Consistency",
    "LoadedModel",
    "MLCDPOTrainer",
    "MLCTrainerMixin",
    "MultilingualConsistencyLoss",
    "PromptFormat",
    "SetSampler",
    "TokenSets",
    "align",
    "check_model",
    "encode_location",
    "encode_sets",
    "last_token_states",
    "load_model",
    "plain_loss",
    "preflight",
    "request_stop",
    "set_states",
    "tokenise_sets",
]

_HOMES = {
    "batches": ("PromptFormat", "SetSampler", "TokenSets", "tokenise_sets"),
    "encode": ("encode_location", "encode_sets", "plain_loss"),
    "model": ("LoadedModel", "check_model", "load_model"),
    "stage": ("align", "preflight"),
    "states": ("last_token_states", "set_states"),
    "stopping": ("request_stop",),
    "trainer": ("Consistency", "MLCDPOTrainer", "MLCTrainerMixin"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"mlc_data.align.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
