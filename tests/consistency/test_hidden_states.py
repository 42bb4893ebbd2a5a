"""Early exit gives what the whole model gives, for every architecture that we name."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    FalconConfig,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    LlamaConfig,
    MistralConfig,
    OPTConfig,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
)

from mlc_data.consistency.hidden_states import (
    find_decoder,
    last_token_states,
    set_states,
    text_states,
)
from mlc_data.errors import ModelError
from mlc_data.lm.batching import BATCH_WASTE, by_length, pad_right

SIZES: dict[str, Any] = {"vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 4}
HEADS: dict[str, Any] = {"num_attention_heads": 4}
LLAMA = {**SIZES, **HEADS, "intermediate_size": 64, "num_key_value_heads": 2, "pad_token_id": 0}
CONFIGS = [
    LlamaConfig(**LLAMA),
    MistralConfig(**LLAMA),
    Qwen2Config(**LLAMA),
    Qwen3Config(**LLAMA, head_dim=8),
    Gemma3TextConfig(**LLAMA, head_dim=8),
    Phi3Config(**LLAMA, bos_token_id=1, eos_token_id=2),
    GPTNeoXConfig(**SIZES, **HEADS, intermediate_size=64, bos_token_id=1, eos_token_id=2),
    GPT2Config(vocab_size=100, n_embd=32, n_layer=4, n_head=4, bos_token_id=1, eos_token_id=2),
    FalconConfig(**SIZES, **HEADS),
    BloomConfig(vocab_size=100, hidden_size=32, n_layer=4, n_head=4),
    OPTConfig(**SIZES, **HEADS, ffn_dim=64, word_embed_proj_dim=32),
]


def rows() -> list[list[int]]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(3, 100, (size,), generator=generator).tolist() for size in (7, 3, 12, 5)]


def by_hand(model: Any, tokens: list[int], layer: int) -> torch.Tensor:
    output = model(input_ids=torch.tensor([tokens]), output_hidden_states=True)
    state: torch.Tensor = output.hidden_states[layer][0, -1]
    return state


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.model_type)
@torch.no_grad()
def test_states_are_those_of_the_whole_model(config: Any) -> None:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config).eval()
    for weight in model.parameters():
        weight.normal_(std=0.3)
    texts = rows()
    ids, mask = pad_right(texts, "cpu")
    left_ids, left_mask = ids.clone(), mask.clone()
    for number, tokens in enumerate(texts):  # the same texts, padded on the left
        left_ids[number] = ids[number].roll(ids.shape[1] - len(tokens))
        left_mask[number] = mask[number].roll(ids.shape[1] - len(tokens))
    for layer, index in ((1, 1), (2, 2), (-3, 2), (4, 4), (-1, 4)):
        expected = torch.stack([by_hand(model, tokens, index) for tokens in texts])
        assert expected.std() > 0.01
        for inputs in ((ids, mask), (left_ids, left_mask)):
            found = last_token_states(model, *inputs, layer)
            torch.testing.assert_close(found, expected, atol=2e-4, rtol=2e-4)
    # With a common beginning, which is run once.
    texts = [[9, 8, 7, 6, 5, *tokens] for tokens in texts]
    for layer, index in ((2, 2), (4, 4)):
        expected = torch.stack([by_hand(model, tokens, index) for tokens in texts])
        found = text_states(model, texts, layer, batch_size=3)
        torch.testing.assert_close(found, expected, atol=2e-4, rtol=2e-4)
    decoder = find_decoder(model)
    normed = last_token_states(model, ids, mask, 2, final_norm=True)
    plain = last_token_states(model, ids, mask, 2)
    torch.testing.assert_close(normed, decoder.norm(plain), atol=1e-5, rtol=1e-5)
    assert decoder.depth == 4


def test_layers_above_and_the_head_are_not_run_and_all_is_put_back(llama: Any) -> None:
    ran: list[str] = []
    for name, module in llama.named_modules():
        if name.count(".") == 2 or name == "lm_head":
            module.register_forward_hook(lambda *_, name=name: ran.append(name))
    last_token_states(llama, *pad_right(rows(), "cpu"), 2)
    assert ran == ["model.layers.0", "model.layers.1"]
    assert len(llama.model.layers) == 4
    llama.model.layers[0].register_forward_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        last_token_states(llama, *pad_right(rows(), "cpu"), 2)
    assert len(llama.model.layers) == 4
    assert not llama.model.norm._forward_pre_hooks


@pytest.mark.parametrize("reentrant", [False, True])
def test_gradients_are_the_same_with_gradient_checkpointing(llama: Any, reentrant: bool) -> None:
    llama.train()
    llama.enable_input_require_grads()
    gradients = []
    for checkpointing in (False, True):
        if checkpointing:
            llama.gradient_checkpointing_enable({"use_reentrant": reentrant})
        llama.zero_grad()
        last_token_states(llama, *pad_right(rows(), "cpu"), 3).square().sum().backward()
        gradients.append(llama.model.layers[0].mlp.up_proj.weight.grad.clone())
        assert llama.model.layers[3].mlp.up_proj.weight.grad is None
    torch.testing.assert_close(gradients[0], gradients[1])
    assert gradients[0].abs().sum() > 0


def test_gradients_are_the_same_with_a_common_beginning(llama: Any) -> None:
    texts = [[9, 8, 7, 6, 5, *tokens] for tokens in rows()]
    gradients = []
    for found in (
        text_states(llama, texts, 3),
        last_token_states(llama, *pad_right(texts, "cpu"), 3),
    ):
        llama.zero_grad()
        found.square().sum().backward()
        gradients.append([w.grad.clone() for w in llama.parameters() if w.grad is not None])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-3)


def test_adapters_are_in_what_is_read(llama: Any) -> None:
    from peft import LoraConfig, get_peft_model

    before = last_token_states(llama, *pad_right(rows(), "cpu"), 2).detach()
    model = get_peft_model(llama, LoraConfig(r=2, target_modules="all-linear"))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.ones_(weight)
    after = last_token_states(model, *pad_right(rows(), "cpu"), 2)
    assert not torch.allclose(before, after)
    after.sum().backward()
    assert any("lora_A" in name and p.grad is not None for name, p in model.named_parameters())


@pytest.mark.parametrize("layer", [0, 5, -5])
def test_a_layer_that_is_not_there_is_refused(llama: Any, layer: int) -> None:
    with pytest.raises(ModelError, match=r"align\.loss\.layer is .* 4 decoder layers"):
        last_token_states(llama, *pad_right(rows(), "cpu"), layer)


def test_an_unknown_architecture_is_refused() -> None:
    with pytest.raises(ModelError, match="cannot read hidden states of Linear"):
        find_decoder(torch.nn.Linear(2, 2))


def test_sets_come_back_in_their_places(llama: Any) -> None:
    texts = rows()
    sets = [[texts[0], None, texts[1]], [texts[2], texts[3], None]]
    states, present = set_states(llama, sets, layer=2, batch_size=2)
    assert present.tolist() == [[True, False, True], [True, True, False]]
    for number, row in enumerate(sets):
        for column, tokens in enumerate(row):
            expected = torch.zeros(32) if tokens is None else by_hand(llama, tokens, 2)
            torch.testing.assert_close(states[number, column], expected, atol=1e-5, rtol=1e-4)
    states.sum().backward()
    assert llama.model.embed_tokens.weight.grad is not None


def test_batches_of_similar_length() -> None:
    lengths = [9, 100, 10, 11, 50, 52, 10, 95, 9]
    batches = by_length(lengths, batch_size=3)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        sizes = [lengths[index] for index in batch]
        assert len(batch) <= 3
        assert sum(sizes) >= (1 - BATCH_WASTE) * len(sizes) * max(sizes)
