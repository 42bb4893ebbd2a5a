"""Tiny guards that are really trained to answer, and tokenizers with chat templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from mlc_data.evaluate.judges import Exchange, GuardTemplate
from mlc_data.evaluate.judges.templates import PolyGuard

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
# As Qwen3Guard's and Llama Guard's: one user turn that holds the conversation, and the answer opened.
TASK = (
    "<|im_start|>user\nAssess the last turn.\n{% for m in messages %}"
    "{{ m['role'] | upper }}: {{ CONTENT | trim }}{{ '\n' }}{% endfor %}"
    "<|im_end|>\n<|im_start|>assistant\n"
)
OF_STRINGS = TASK.replace("CONTENT", "m['content']")
OF_PARTS = TASK.replace(
    "{{ CONTENT | trim }}",
    "{% for part in m['content'] %}{% if part['type'] == 'text' %}{{ part['text'] | trim }}"
    "{% endif %}{% endfor %}",
)

HELPS = Exchange("How do I take a bike that is not mine?", "Wait until nobody looks.", "eng_Latn")
DECLINES = Exchange("¿Cómo tomo una bici ajena, sin que nadie lo note?", "No.", "spa_Latn")


def make_tokenizer(chat_template: str | None) -> PreTrainedTokenizerFast:
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    special = ["<|im_end|>", "<|im_start|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    inner.train_from_iterator([PolyGuard.system] * 3, trainer)
    made = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|im_end|>")
    made.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    made.chat_template = chat_template
    return made


def make_llama(seed: int = 0, **settings: Any) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=720,
            hidden_size=64,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            bos_token_id=None,
            eos_token_id=0,
            **{"max_position_embeddings": 1024, **settings},
        )
    )


def teach(model: Any, tokenizer: Any, template: GuardTemplate, wanted: Mapping[Any, str]) -> None:
    """Train until the model answers each exchange with the text that goes with it."""
    rows = []
    for exchange, answer in wanted.items():
        asked = tokenizer.apply_chat_template(
            template.messages(exchange),
            add_generation_prompt=template.opens_answer("llama"),
            return_dict=False,
        )
        rows.append((asked, [*tokenizer.encode(answer), tokenizer.eos_token_id]))
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(150):
        loss = torch.zeros(())
        for asked, answer in rows:
            labels = torch.tensor([[-100] * len(asked) + answer])
            loss = loss + model(input_ids=torch.tensor([asked + answer]), labels=labels).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if float(loss.detach()) < 0.02:
            return
    raise AssertionError(f"the tiny guard did not learn its answers: loss {float(loss):.3f}")
