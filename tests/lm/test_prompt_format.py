"""Rendering of prompts, and pairs that are left out."""

from __future__ import annotations

import copy
from typing import Any

from mlc_data.lm.prompt_format import (
    PLAIN_PROMPT,
    PromptFormat,
    select_pairs,
)


def a_pair(prompt: str, chosen: str, rejected: str) -> dict[str, Any]:
    return {"prompt_id": prompt, "prompt": prompt, "chosen": chosen, "rejected": rejected}


def test_a_chat_ends_where_the_reply_would_begin(tokenizer: Any) -> None:
    form = PromptFormat(tokenizer)
    text = tokenizer.decode(form.tokens("Hi"))
    assert form.kind == "chat"
    assert text == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert tokenizer.decode(form.whole("Hi", "Yo")).startswith(text + "Yo")


def test_without_a_template_the_format_is_plain(tokenizer: Any) -> None:
    bare = copy.deepcopy(tokenizer)
    bare.chat_template = None
    form = PromptFormat(bare)
    assert form.kind == "plain"
    assert bare.decode(form.tokens("Hi")) == PLAIN_PROMPT.format(prompt="Hi")
    assert bare.decode(form.whole("Hi", "Yo")) == "User: Hi\nAssistant: Yo<|im_end|>"
    assert form.pair("Hi", "Yo", "No")["chosen"] == " Yo"


def test_pairs_are_left_out_for_a_reason(tokenizer: Any) -> None:
    form = PromptFormat(tokenizer)
    rows = [
        a_pair("a", "yes", "no"),
        a_pair("b", "yes", "no"),
        a_pair("c", "yes", "no" * 200),
        a_pair("d", "same", "same"),
    ]
    pairs, left_out = select_pairs(rows, form, 100, frozenset({"b"}))
    assert [pair["prompt"][0]["content"] for pair in pairs] == ["a"]
    assert left_out == {"held_out": 1, "no_completion": 1, "too_long": 1}
