"""The aligned model as an ordinary Hugging Face folder, with its model card."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
import yaml
from peft import PeftModel, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from torch import distributed
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

from mlc_data.align.adapters import adapters_of
from mlc_data.align.data import load
from mlc_data.align.train import Trained
from mlc_data.core.files import write_text
from mlc_data.core.manifest import ModelRecord
from mlc_data.core.paths import is_hub_id
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


def write_trained(
    folder: Path, trained: Trained, model: Any, settings: Align, revision: str | None
) -> None:
    """Write metrics, metadata and the weights as the checkpoint will hold them, for `read_trained`."""
    finished(model, settings, revision).save_pretrained(folder / "model")
    names = [field.name for field in fields(Trained) if field.name != "model"]
    result = {name: getattr(trained, name) for name in names}
    write_text(folder / "result.json", json.dumps(result))


def read_trained(folder: Path, settings: Align, revision: str | None) -> Trained:
    """Return a written result; its model is on the CPU, in the type that it was trained in."""
    from transformers import AutoModelForCausalLM

    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    if settings.merge:
        model = AutoModelForCausalLM.from_pretrained(
            folder / "model", dtype="auto", use_safetensors=True, trust_remote_code=False
        )
    else:
        model = PeftModel.from_pretrained(load(settings, revision).model, str(folder / "model"))
    return Trained(model=model, **result)


def finished(model: Any, settings: Align, revision: str | None) -> Any:
    """Return a trained model as the checkpoint holds it: adapters merged, unless the recipe keeps them.

    Adapters of a quantised model are merged into the model as it is without quantisation, in ``align.dtype``.

    Raises:
        MlcDataError: a weight is not finite.
    """
    if settings.lora is not None and settings.merge:
        if settings.quantised:
            trained = get_peft_model_state_dict(model)
            whole = load(settings.model_copy(update={"model_options": {}}), revision).model
            adapters = adapters_of(settings)
            assert adapters is not None
            model = get_peft_model(whole, adapters)
            set_peft_model_state_dict(model, trained)
        model = model.merge_and_unload()
    for name, weight in model.named_parameters():
        kept = settings.merge or weight.requires_grad
        if kept and not bool(torch.isfinite(weight).all()):
            raise MlcDataError(f"training ended with a weight that is not finite: {name}")
    return model


def write_checkpoint(
    folder: Path, model: Any, tokenizer: Any, card: Card, dtype: str = "float32"
) -> None:
    """Write safetensors, tokenizer with chat template, generation config and README.md.

    `AutoModelForCausalLM.from_pretrained` and `AutoTokenizer.from_pretrained` read the folder with
    no code of ours. Adapters that were not merged are written as adapters, in float32.

    Args:
        folder: made if it does not exist.
        model: a causal language model, see `finished`; changed to ``dtype``.
        tokenizer: its tokenizer.
        card: contents of the model card.
        dtype: ``float32`` or ``bfloat16``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(model, PeftModel):
        for adapter in model.peft_config.values():
            adapter.base_model_name_or_path = card.base.id
            adapter.revision = card.base.revision if is_hub_id(card.base.id) else None
        model.save_pretrained(folder, save_embedding_layers=False)
        model.generation_config.save_pretrained(folder)
    else:
        model = model.to("cpu", getattr(torch, dtype))
        model.config.use_cache = True
        model.config._name_or_path = card.base.id
        model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_text(folder / "README.md", render_card(card))
    # safetensors writes for the owner alone; colleagues and containers read checkpoints too.
    for weights in folder.glob("*.safetensors"):
        weights.chmod((folder / "README.md").stat().st_mode)


def render_card(card: Card) -> str:
    """Return the model card in Markdown, with metadata for the Hub."""
    names = [name.lower() for name in card.base.licence.split(" AND ")]
    head = {
        "license": names[0] if len(names) == 1 else names,
        # A folder of this machine means nothing to anybody else.
        **({"base_model": card.base.id} if is_hub_id(card.base.id) else {}),
        "library_name": "transformers" if card.settings.get("merge", True) else "peft",
        "pipeline_tag": "text-generation",
        "tags": ["mlc-data", card.settings["method"], "multilingual", "safety"],
    }
    template = environment("align").get_template("card.md.j2")
    return template.render(
        card=card,
        adapters=not card.settings.get("merge", True),
        made_by=_MADE_BY[card.settings["method"]],
        head=yaml.safe_dump(head, sort_keys=False, allow_unicode=True),
        settings=yaml.safe_dump(dict(card.settings), sort_keys=False, allow_unicode=True),
    )
