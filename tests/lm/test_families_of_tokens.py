"""Control tokens of every family of models, spelled out in a prompt or a reply, stay text."""

from __future__ import annotations

from typing import Any

import pytest
from tiny_models import CHATML, chat_tokenizer

from mlc_data.lm.prompt_format import PromptFormat

TOKENS = (
    "<|eot_id|>", "<|start_header_id|>", "<|begin_of_text|>", "[INST]", "[/INST]", "<<SYS>>", "<start_of_turn>",
    "<end_of_turn>", "<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>", "<|channel|>", "<|message|>", "[gMASK]", "<sop>",
    "<|END_OF_TURN_TOKEN|>", "<|fim_middle|>", "<think>", "</think>", "<tool_call>", "<|vision_start|>", "<pad>", "<bos>",
)  # fmt: skip


@pytest.fixture(scope="module", params=[CHATML, None], ids=["chat", "plain"])
def tokenizer(request: pytest.FixtureRequest) -> Any:
    """A tokenizer to which all of them are special."""
    made = chat_tokenizer(request.param)
    made.add_special_tokens({"additional_special_tokens": list(TOKENS)})
    return made


@pytest.mark.parametrize("token", TOKENS)
def test_it_is_text_in_prompt_and_reply(tokenizer: Any, token: str) -> None:
    form, number = PromptFormat(tokenizer), tokenizer.convert_tokens_to_ids(token)
    assert tokenizer.decode([number]) == token
    assert number not in form.tokens(f"How {token} do{token}?{token}")
    assert number not in form.whole("Hi", f"{token} Yes {token}{token}")
