"""A training looked at before anything is translated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny_models import CHATML, chat_tokenizer
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    MambaConfig,
    MambaForCausalLM,
    OPTConfig,
    OPTForCausalLM,
)

from mlc_data.align import preflight
from mlc_data.align.preflight import check_training
from mlc_data.errors import ModelError, UsageError
from mlc_data.recipe.align import Align


def settings(model: Path, **align: Any) -> Align:
    given = {"model": str(model), "max_length": 64, "lora": {"r": 2}, **align}
    return Align.model_validate(given)


def saved(network: Any, folder: Path, chat_template: str | None = CHATML) -> Path:
    network.save_pretrained(folder)
    chat_tokenizer(chat_template).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("lora", [None, {"r": 2, "use_rslora": True}])
def test_a_model_that_can_be_trained(tiny: Path, lora: Any) -> None:
    check_training(settings(tiny, lora=lora))


def test_no_weight_is_read(tiny: Path) -> None:
    (tiny / "model.safetensors").write_bytes(b"")
    check_training(settings(tiny))


def test_a_template_is_looked_at(tiny: Path) -> None:
    chat_tokenizer("{{ raise_exception('never') }}").save_pretrained(tiny)
    with pytest.raises(ModelError, match=r"raises on a prompt alone \(never\)"):
        check_training(settings(tiny))
    check_training(settings(tiny, chat_template=CHATML))


@pytest.mark.parametrize(
    "network",
    [
        GPT2LMHeadModel(GPT2Config(vocab_size=260, n_positions=48, n_embd=8, n_layer=1, n_head=2)),
        OPTForCausalLM(
            OPTConfig(
                vocab_size=260, max_position_embeddings=48, hidden_size=8, num_hidden_layers=1, ffn_dim=8,
                num_attention_heads=2, word_embed_proj_dim=8,
            )
        ),
    ],
    ids=["GPT-2", "OPT"],
)  # fmt: skip
def test_texts_longer_than_the_learned_positions(network: Any, tmp_path: Path) -> None:
    folder = saved(network, tmp_path / "model")
    with pytest.raises(ModelError, match=r"max_length is 64, but .* has learned 48 positions"):
        check_training(settings(folder))
    check_training(settings(folder, max_length=48))


def test_positions_that_are_computed_are_no_limit(tiny: Path) -> None:
    check_training(settings(tiny, max_length=4096))


def test_adapters_that_do_not_fit(tmp_path: Path) -> None:
    network = MambaForCausalLM(
        MambaConfig(vocab_size=260, hidden_size=16, num_hidden_layers=1, state_size=4)
    )
    folder = saved(network, tmp_path / "model")
    with pytest.raises(ModelError, match=r"(?i)mamba"):
        check_training(settings(folder, loss={"weight": 0}))


def test_adapters_on_layers_that_are_not_there(tiny: Path) -> None:
    with pytest.raises(ModelError, match=r"align\.lora does not fit .*target_modules"):
        check_training(settings(tiny, lora={"target_modules": ["query"]}))


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (
            {
                "training": {
                    "eval_strategy": "steps",
                    "load_best_model_at_end": True,
                    "eval_steps": 7,
                }
            },
            r"saving steps",
        ),
        (
            {"training": {"optim": "adamw_8bit"}},
            r"bitsandbytes.*pip install .*\[quantised\]'",
        ),
        ({"training": {"optim": "adamw_torch_8bit"}}, "pip install torchao"),
        ({"training": {"use_liger_kernel": True}}, "pip install liger-kernel"),
        (
            {"model_options": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}},
            r"4-bit weights, which needs bitsandbytes: pip install .*\[quantised\]'",
        ),
    ],
)
def test_what_is_missing_or_does_not_go_together(
    tiny: Path, given: dict[str, Any], line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=line):
        check_training(settings(tiny, **given))


def test_an_attention_that_there_is_not(tiny: Path) -> None:
    with pytest.raises(ModelError, match="cannot build"):
        check_training(settings(tiny, model_options={"attn_implementation": "imagined"}))
    check_training(settings(tiny, model_options={"attn_implementation": "eager"}))
