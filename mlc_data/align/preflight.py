"""A training looked at before anything is translated: its arguments, its packages, the model's shape and template.

The model is built without weights (on torch's device `meta`), which takes no memory.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Any

import torch
from peft import get_peft_model
from torch import nn
from transformers import AutoModelForCausalLM

from mlc_data.align.adapters import adapters_of
from mlc_data.consistency.hidden_states import find_decoder
from mlc_data.core.extras import install_extra
from mlc_data.errors import ModelError, UsageError, first_line
from mlc_data.lm.chat_template import Chat, prepare
from mlc_data.lm.loading import KEY, load_description, quiet
from mlc_data.lm.tokenizers import fit_tokenizer
from mlc_data.recipe.align import Align
from mlc_data.recipe.align_options import trainer_config, training_options

_POSITIONS = re.compile(r"(^|\.)(wpe|embed_positions|position_embeddings?)$")

_OPTIMISERS = (
    (re.compile("bnb|8bit|paged"), "bitsandbytes", "'mlc-data[quantised]'"),
    (re.compile("apollo"), "apollo_torch", "apollo-torch"),
    (re.compile("galore"), "galore_torch", "galore-torch"),
    (re.compile("lomo"), "lomo_optim", "lomo-optim"),
    (re.compile("grokadamw"), "grokadamw", "grokadamw"),
    (re.compile("schedule_free"), "schedulefree", "schedulefree"),
    (re.compile("stable_adamw"), "optimi", "torch-optimi"),
)
"""Names of optimisers, the module that has them, and what pip installs."""


def check_training(settings: Align) -> None:
    """Check that a training can begin, without its weights.

    Raises:
        UsageError: a package is missing, or the trainer refuses its arguments.
        ModelError: the model is of an unknown architecture, the adapters do not fit to it, texts may be longer than
            its learned positions; or see `mlc_data.lm.chat_template.prepare`.
    """
    _check_packages(settings)
    _check_arguments(settings)
    config, tokenizer = load_description(settings.model, settings.revision, KEY)
    with quiet():
        model = _shape(config, settings)
        _check_shape(model, settings)
        fit_tokenizer(tokenizer, model.get_input_embeddings().num_embeddings, settings.model, KEY)
        prepare(tokenizer, Chat.of(settings), settings.model, KEY)


def _check_packages(settings: Align) -> None:
    if settings.quantised and find_spec("bitsandbytes") is None:
        raise UsageError(
            f"align.model_options asks for {settings.quantised}-bit weights, which needs bitsandbytes: "
            f"{install_extra('quantised')}"
        )
    optim = str(settings.training.get("optim") or "")
    needed = [(module, name) for pattern, module, name in _OPTIMISERS if pattern.search(optim)]
    if optim.startswith("adamw_torch_") and optim.endswith("bit"):
        needed = [("torchao", "torchao")]
    if settings.training.get("use_liger_kernel"):
        needed.append(("liger_kernel", "liger-kernel"))
    for module, name in needed:
        if find_spec(module) is None:
            raise UsageError(
                f"align.training asks for {module}, which is not installed: pip install {name}"
            )


def _check_arguments(settings: Align) -> None:
    """Build the trainer's arguments, which check one another."""
    if not settings.training:
        return
    given = training_options(settings.method, settings.training)
    try:
        trainer_config(settings.method)(
            output_dir="unused", use_cpu=not torch.cuda.is_available(), bf16=False, report_to=[],
            save_strategy="steps", save_steps=settings.save_every, **given,
        )  # fmt: skip
    except (ValueError, TypeError, ImportError, KeyError) as error:
        raise UsageError(f"align.training: {first_line(error)}") from error


def _shape(config: Any, settings: Align) -> Any:
    attention = settings.model_options.get("attn_implementation")
    options = {} if attention is None else {"attn_implementation": attention}
    try:
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config, trust_remote_code=False, **options)
    except (ValueError, ImportError, KeyError, RuntimeError) as error:
        raise ModelError(f"{KEY}: cannot build {settings.model}: {first_line(error)}") from error


def _check_shape(model: Any, settings: Align) -> None:
    if settings.loss.weight:
        find_decoder(model)
    positions = learned_positions(model)
    if positions is not None and settings.max_length > positions:
        raise ModelError(
            f"align.max_length is {settings.max_length}, but {settings.model} has learned {positions} positions and "
            "can read no longer text: lower it"
        )
    if (adapters := adapters_of(settings)) is None:
        return
    try:
        with torch.device("meta"):
            get_peft_model(model, adapters)
    except (ValueError, KeyError, TypeError, NotImplementedError, ImportError) as error:
        raise ModelError(
            f"align.lora does not fit to {settings.model}: {first_line(error)} (align.lora.target_modules names "
            "the layers)"
        ) from error


def learned_positions(model: nn.Module) -> int | None:
    """Return how many positions a model has learned; None where it computes them for any length."""
    for name, module in model.named_modules():
        if isinstance(module, nn.Embedding) and _POSITIONS.search(name):
            return int(module.num_embeddings - getattr(module, "offset", 0))
    return None
