"""Alignment: the consistency loss, what feeds it, and the training around it.

`MultilingualConsistencyLoss` needs torch alone; the rest is imported at its first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlc_data.align.stage import align
    from mlc_data.align.stopping import request_stop
    from mlc_data.align.trainer import Consistency, MLCDPOTrainer, MLCTrainerMixin
    from mlc_data.consistency.encode import encode_location, encode_sets, plain_loss
    from mlc_data.consistency.hidden_states import last_token_states, set_states
    from mlc_data.consistency.loss import MultilingualConsistencyLoss
    from mlc_data.consistency.token_sets import SetSampler, TokenSets, tokenise_sets
    from mlc_data.lm.loading import LoadedModel, check_model, load_model
    from mlc_data.lm.prompt_format import PromptFormat

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
    "request_stop",
    "set_states",
    "tokenise_sets",
]

_HOMES = {
    "consistency.loss": ("MultilingualConsistencyLoss",),
    "lm.prompt_format": ("PromptFormat",),
    "consistency.token_sets": ("SetSampler", "TokenSets", "tokenise_sets"),
    "consistency.encode": ("encode_location", "encode_sets", "plain_loss"),
    "lm.loading": ("LoadedModel", "check_model", "load_model"),
    "align.stage": ("align",),
    "consistency.hidden_states": ("last_token_states", "set_states"),
    "align.stopping": ("request_stop",),
    "align.trainer": ("Consistency", "MLCDPOTrainer", "MLCTrainerMixin"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"mlc_data.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
