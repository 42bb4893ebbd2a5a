"""The aligned model as an ordinary Hugging Face folder, with its model card."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
import yaml
from peft import get_peft_model
from torch import distributed
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

from mlc_data.align.data import load
from mlc_data.align.train import Trained, adapters_of
from mlc_data.core.files import write_text
from mlc_data.core.manifest import ModelRecord
from mlc_data.core.templates import environment
from mlc_data.errors import MlcDataError
from mlc_data.recipe.align import Align

_MADE_BY = {
    "dpo": "DPO on English preference pairs",
    "sft": "supervised fine-tuning on English prompts and responses",
    "orpo": "ORPO on English preference pairs",
    "simpo": "SimPO on English preference pairs",
    "kto": "KTO on desirable and undesirable English responses",
}


@dataclass(frozen=True)
class Card:
    """Contents of the model card.

    ``content_hash`` maps table names (sets, preferences) to the content hashes they were read
    with; ``settings`` is the recipe's ``align`` section, ``training`` the stage's figures.
    """

    name: str
    recipe_hash: str
    seed: int
    base: ModelRecord
    content_hash: Mapping[str, str]
    languages: Sequence[str]
    settings: Mapping[str, Any]
    prompt_format: str
    training: Mapping[str, Any]
    versions: Mapping[str, str]


def gathered(model: Any, settings: Align, revision: str | None) -> Any:
    """Return a sharded model with all its weights on rank 0, None on the others; an unsharded one as it is.

    Every rank calls it at the same point.

    Args:
        model: the trained model.
        settings: the recipe's section ``align``.
        revision: commit of the model on the Hub.
    """
    if settings.sharding == "none":
        return model
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    weights = get_model_state_dict(model, options=options)
    if distributed.get_rank():
        return None
    whole = load(settings, revision).model
    if adapters := adapters_of(settings):
        whole = get_peft_model(whole, adapters)
    whole.load_state_dict(weights)
    return whole


def write_trained(folder: Path, trained: Trained, model: Any) -> None:
    """Write metrics, metadata and the weights without adapters, for `read_trained`."""
    merged(model).save_pretrained(folder / "model")
    names = [field.name for field in fields(Trained) if field.name != "model"]
    result = {name: getattr(trained, name) for name in names}
    write_text(folder / "result.json", json.dumps(result))


def read_trained(folder: Path) -> Trained:
    """Return a written result; its model is on the CPU, in the type that it was trained in."""
    from transformers import AutoModelForCausalLM

    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    model = AutoModelForCausalLM.from_pretrained(
        folder / "model", dtype="auto", use_safetensors=True, trust_remote_code=False
    )
    return Trained(model=model, **result)


def merged(model: Any) -> Any:
    """Return the model with its adapters merged into its weights; a model without adapters as it is.

    Raises:
        MlcDataError: a weight is not finite.
    """
    plain = model.merge_and_unload() if hasattr(model, "merge_and_unload") else model
    for name, weight in plain.named_parameters():
        if not bool(torch.isfinite(weight).all()):
            raise MlcDataError(f"training ended with a weight that is not finite: {name}")
    return plain


def write_checkpoint(
    folder: Path, model: Any, tokenizer: Any, card: Card, dtype: str = "float32"
) -> None:
    """Write safetensors, tokenizer with chat template, generation config and README.md.

    `AutoModelForCausalLM.from_pretrained` and `AutoTokenizer.from_pretrained` read the folder
    without our code.

    Args:
        folder: created if it does not exist.
        model: a causal language model without adapters, see `merged`; changed to ``dtype``.
        tokenizer: its tokenizer.
        card: contents of the model card.
        dtype: ``float32`` or ``bfloat16``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model = model.to("cpu", getattr(torch, dtype))
    model.config.use_cache = True
    model.config._name_or_path = card.base.id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_text(folder / "README.md", render_card(card))


def render_card(card: Card) -> str:
    """Return the model card in Markdown, with metadata for the Hub."""
    head = {
        "license": card.base.licence.lower(),
        "base_model": card.base.id,
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["mlc-data", card.settings["method"], "multilingual", "safety"],
    }
    template = environment("align").get_template("card.md.j2")
    return template.render(
        card=card,
        made_by=_MADE_BY[card.settings["method"]],
        head=yaml.safe_dump(head, sort_keys=False, allow_unicode=True),
        settings=yaml.safe_dump(dict(card.settings), sort_keys=False, allow_unicode=True),
    )
