"""Settings of TRL, transformers and PEFT that a recipe passes on: known names, right types, none of ours."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import fields
from enum import Enum
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any, get_args, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

_CONFIGS = {
    "dpo": ("trl", "DPOConfig"),
    "sft": ("trl", "SFTConfig"),
    "kto": ("trl", "KTOConfig"),
    "orpo": ("trl.experimental.orpo", "ORPOConfig"),
    "simpo": ("trl.experimental.cpo", "CPOConfig"),
}

_PUBLISH = "`mlc-data publish`"
_FOLDER = "the run's folder (--run-dir)"

OWNED_TRAINING: Mapping[str, str] = {
    "learning_rate": "align.learning_rate",
    "warmup_steps": "align.warmup",
    "warmup_ratio": "align.warmup",
    "num_train_epochs": "align.epochs",
    "max_steps": "align.max_steps",
    "per_device_train_batch_size": "align.batch_size",
    "gradient_accumulation_steps": "align.gradient_accumulation",
    "gradient_checkpointing": "align.gradient_checkpointing",
    "activation_checkpointing": "align.gradient_checkpointing",
    "bf16": "align.dtype",
    "fp16": "align.dtype",
    "bf16_full_eval": "align.dtype",
    "fp16_full_eval": "align.dtype",
    "seed": "seed",
    "data_seed": "seed",
    "save_strategy": "align.save_every",
    "save_steps": "align.save_every",
    "save_total_limit": "align.save_every",
    "save_only_model": "align.save_every",
    "report_to": "align.report_to",
    "fsdp": "align.sharding",
    "fsdp_config": "align.sharding",
    "deepspeed": "align.sharding",
    "parallelism_config": "align.sharding",
    "beta": "align.beta",
    "simpo_gamma": "align.simpo_gamma",
    "max_length": "align.max_length",
    "max_prompt_length": "align.max_length",
    "max_completion_length": "align.max_length",
    "truncation_mode": "align.max_length",
    "model_init_kwargs": "align.model_options",
    "ref_model_init_kwargs": "align.model_options",
    "trust_remote_code": "align.model, whose repository's code is never run",
    "chat_template_path": "align.chat_template",
    "output_dir": _FOLDER,
    "resume_from_checkpoint": "no setting: the same command resumes",
    "restore_callback_states_from_checkpoint": "no setting: the same command resumes",
    "ignore_data_skip": "no setting: the same command resumes",
    "precompute_ref_log_probs": "decided by the pipeline",
    "precompute_ref_batch_size": "decided by the pipeline",
    "remove_unused_columns": "decided by the pipeline",
    "completion_only_loss": "align.method",
    "assistant_only_loss": "align.method",
    "disable_tqdm": "--quiet",
    "auto_find_batch_size": "align.batch_size",
    "push_to_hub": _PUBLISH,
    "hub_model_id": _PUBLISH,
    "hub_strategy": _PUBLISH,
    "hub_token": _PUBLISH,
    "hub_private_repo": _PUBLISH,
    "hub_always_push": _PUBLISH,
    "hub_revision": _PUBLISH,
}
"""Arguments of the trainers that a key of the recipe, or the pipeline itself, decides."""

OWNED_TRAINING_BY_METHOD: Mapping[str, Mapping[str, str]] = {
    "dpo": {"loss_type": "align.dpo_loss"},
    "simpo": {"loss_type": "align.method", "cpo_alpha": "align.method"},
}

OWNED_LORA: Mapping[str, str] = {
    "task_type": "decided by the pipeline",
    "peft_type": "decided by the pipeline",
    "inference_mode": "decided by the pipeline",
    "base_model_name_or_path": "align.model",
    "revision": "align.revision",
    "lora_alpha": "align.lora.alpha",
    "lora_dropout": "align.lora.dropout",
}

OWNED_MODEL: Mapping[str, str] = {
    "dtype": "align.dtype",
    "torch_dtype": "align.dtype",
    "revision": "align.revision",
    "pretrained_model_name_or_path": "align.model",
    "gguf_file": "align.model",
    "trust_remote_code": "align.model, whose repository's code is never run",
    "use_safetensors": "align.model, of which safetensors alone are read",
    "device_map": "align.processes and align.sharding",
    "tp_plan": "align.processes and align.sharding",
    "quantization_config": "align.model_options itself: write load_in_4bit and the like there",
}

QUANTISATION: Mapping[str, type] = {
    "load_in_4bit": bool,
    "load_in_8bit": bool,
    "bnb_4bit_quant_type": str,
    "bnb_4bit_use_double_quant": bool,
    "bnb_4bit_compute_dtype": str,
    "bnb_4bit_quant_storage": str,
    "llm_int8_threshold": float,
    "llm_int8_skip_modules": list[str],
    "llm_int8_has_fp16_weight": bool,
}
"""Keys of transformers' BitsAndBytesConfig."""

MODEL_OPTIONS: Mapping[str, Any] = {
    "attn_implementation": str,
    "experts_implementation": str,
    "attention_dropout": float,
    "rope_parameters": dict[str, Any],
    **QUANTISATION,
}
"""Arguments that `from_pretrained` may be given, with types."""


@cache
def trainer_config(method: str) -> Any:
    """Return the class of the arguments of a method's trainer; None where TRL is not installed."""
    if find_spec("trl") is None:
        return None
    module, name = _CONFIGS[method]
    return getattr(import_module(module), name)


def training_options(method: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``align.training`` in the types of the trainer's arguments.

    Where TRL is not installed, names and types are not checked: nothing is trained there.

    Raises:
        ValueError: a name is unknown, or is decided by another key; a value has another type.
    """
    config = trainer_config(method) if given else None
    owned = {**OWNED_TRAINING, **OWNED_TRAINING_BY_METHOD.get(method, {})}
    return _checked("training", given, _types(config) if config else None, owned)


def lora_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys of ``align.lora`` that are PEFT's own, in the types of LoraConfig.

    Raises:
        ValueError: see `training_options`.
    """
    known = None
    if given and find_spec("peft") is not None:
        known = _types(import_module("peft").LoraConfig)
        known = {**known, "alpha": int, "dropout": float}
    return _checked("lora", given, known, OWNED_LORA)


def model_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``align.model_options`` in the types of `from_pretrained`'s arguments.

    Raises:
        ValueError: see `training_options`.
    """
    return _checked("model_options", given, MODEL_OPTIONS, OWNED_MODEL)


def _checked(
    section: str,
    given: Mapping[str, Any],
    known: Mapping[str, Any] | None,
    owned: Mapping[str, str],
) -> dict[str, Any]:
    faults = list(_faults(section, given, known, owned))
    if faults:
        raise ValueError("; ".join(faults))
    return {
        name: value if known is None else _adapter(known[name]).validate_python(value)
        for name, value in given.items()
    }


def _faults(
    section: str,
    given: Mapping[str, Any],
    known: Mapping[str, Any] | None,
    owned: Mapping[str, str],
) -> Iterator[str]:
    for name, value in given.items():
        where = f"align.{section}.{name}"
        if name in owned:
            yield f"{where}: that is {owned[name]}"
        elif known is None:
            continue
        elif name not in known:
            yield f"{where}: unknown key; {_hint(name, known, owned)}"
        else:
            try:
                _adapter(known[name]).validate_python(value)
            except ValidationError as error:
                reasons = dict.fromkeys(fault["msg"] for fault in error.errors())
                yield f"{where}: {', or '.join(reasons)} (given: {value!r})"
            else:
                choices = _choices(known[name])
                if isinstance(value, str) and choices and value not in choices:
                    near = difflib.get_close_matches(value, choices, n=1, cutoff=0.5)
                    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(choices)}"
                    yield f"{where}: there is no {value!r}; {hint}"


def _choices(hint: Any) -> list[str]:
    """Return the values of the enumerations in a type; transformers takes plain strings beside them."""
    parts = get_args(hint) or (hint,)
    kinds = [part for part in parts if isinstance(part, type) and issubclass(part, Enum)]
    return [str(each.value) for kind in kinds for each in kind]


def _hint(name: str, known: Collection[str], owned: Mapping[str, str]) -> str:
    near = difflib.get_close_matches(name, [*known, *owned], n=1, cutoff=0.5)
    if not near:
        return f"known here: {', '.join(sorted(set(known) - set(owned)))}"
    home = f" That is {owned[near[0]]}." if near[0] in owned else ""
    return f"did you mean {near[0]!r}?{home}"


@cache
def _types(config: Any) -> dict[str, Any]:
    """Return the fields of a configuration's dataclass with their types."""
    hints = get_type_hints(config)
    return {field.name: hints[field.name] for field in fields(config) if field.init}


def _adapter(hint: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
    except TypeError:  # a dataclass or model has a configuration of its own
        return TypeAdapter(hint)
