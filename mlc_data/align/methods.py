"""The monolingual alignment methods: TRL's trainer for each, its settings, and the rows it reads."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, SFTConfig, SFTTrainer
from trl.data_utils import maybe_apply_chat_template

from mlc_data.errors import MlcDataError
from mlc_data.recipe.align import Align

Row = dict[str, Any]

BETA = {"dpo": 0.1, "orpo": 0.1, "simpo": 2.0, "kto": 0.1}
"""``align.beta`` where the recipe has none, as in the methods' papers."""

_NEVER_CUT = 2**30
"""``max_length`` for trainers that truncate at 512 tokens by default: pairs over ``align.max_length`` were
left out before."""


@dataclass(frozen=True)
class Method:
    """TRL's trainer of a method, and its settings.

    Attributes:
        trainer: TRL's trainer, without the consistency loss.
        config: type of its arguments.
        settings: arguments in addition to those of `transformers.TrainingArguments`.
        reference: True if the loss uses a reference model.
        rows_a_pair: rows that the trainer reads per preference pair.
    """

    trainer: type
    config: type
    settings: Mapping[str, Any]
    reference: bool = False
    rows_a_pair: int = 1


def method_of(settings: Align) -> Method:
    """Return the recipe's method (Rafailov et al. 2023 for DPO, Hong et al. 2024 for ORPO, Meng et al. 2024 for
    SimPO, Ethayarajh et al. 2024 for KTO; SFT is cross-entropy on the chosen response alone)."""
    name = settings.method
    beta = settings.beta if settings.beta is not None else BETA.get(name)
    if name == "dpo":
        arguments: dict[str, Any] = {"beta": beta, "loss_type": [settings.dpo_loss or "sigmoid"]}
        # Adapters have the recipe's dropout; base models have none.
        arguments |= {"max_length": None, "disable_dropout": False}
        return Method(DPOTrainer, DPOConfig, arguments, reference=True)
    if name == "sft":
        arguments = {"max_length": None, "completion_only_loss": True, "packing": False}
        return Method(SFTTrainer, SFTConfig, arguments)
    if name == "kto":
        arguments = {"beta": beta, "max_length": None, "disable_dropout": False}
        return Method(KTOTrainer, KTOConfig, arguments, reference=True, rows_a_pair=2)
    arguments = {"beta": beta, "max_length": _NEVER_CUT, "disable_dropout": False}
    arguments |= {"remove_unused_columns": False}
    with warnings.catch_warnings():
        # TRL says on import that their interface may change; the version is pinned where we install.
        warnings.simplefilter("ignore")
        if name == "orpo":
            from trl.experimental.orpo import ORPOConfig, ORPOTrainer

            return Method(ORPOTrainer, ORPOConfig, arguments)
        from trl.experimental.cpo import CPOConfig, CPOTrainer
    gamma = 0.5 if settings.simpo_gamma is None else settings.simpo_gamma
    arguments |= {"loss_type": "simpo", "cpo_alpha": 0.0, "simpo_gamma": gamma}
    return Method(CPOTrainer, CPOConfig, arguments)


def rows_of(
    settings: Align, pairs: Sequence[Mapping[str, Any]], tokenizer: Any, seed: int = 0
) -> list[Row]:
    """Return pairs of `mlc_data.lm.prompt_format.PromptFormat.pair` as a method's trainer reads them.

    Raises:
        MlcDataError: there are too few pairs for the method.
    """
    name = settings.method
    if name == "kto":
        return _unpaired(pairs, settings.batch_size, seed)
    if name == "sft":
        return [{"prompt": pair["prompt"], "completion": pair["chosen"]} for pair in pairs]
    if name == "dpo":
        return [dict(pair) for pair in pairs]
    return [_rendered(pair, tokenizer) for pair in pairs]


def _unpaired(pairs: Sequence[Mapping[str, Any]], batch_size: int, seed: int) -> list[Row]:
    """Return desirable and undesirable responses, in batches of ``batch_size`` pairs.

    TRL reads KTO's rows in the given order, the same in every epoch. It estimates how far the model has moved from
    its reference from each prompt with the response of the previous row in the batch. That response must belong to
    another prompt, so a batch holds the chosen responses of its pairs, then the rejected ones. A pair that would
    be alone in the last batch is joined by the first.
    """
    if len(pairs) < 2:
        raise MlcDataError("method kto needs two preference pairs or more, and 1 is left")
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(seed)).tolist()
    if len(order) % batch_size == 1:
        order.append(order[0])
    return [
        {"prompt": pairs[index]["prompt"], "completion": pairs[index][side], "label": good}
        for start in range(0, len(order), batch_size)
        for side, good in (("chosen", True), ("rejected", False))
        for index in order[start : start + batch_size]
    ]


def _rendered(pair: Mapping[str, Any], tokenizer: Any) -> Row:
    """Return a pair as text, without what the chat template puts after the end-of-text token: these trainers
    add that token themselves."""
    texts: Row = maybe_apply_chat_template(dict(pair), tokenizer)
    for name in ("chosen", "rejected"):
        bare = texts[name].rstrip()
        if isinstance(pair["prompt"], list) and bare.endswith(tokenizer.eos_token):
            texts[name] = bare
    return texts
