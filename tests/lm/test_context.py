"""Turns before a prompt, as they are rendered for training."""

from __future__ import annotations

import copy
import logging
from typing import Any

import pytest
from trl.data_utils import maybe_apply_chat_template

from mlc_data.consistency.token_sets import tokenise_sets
from mlc_data.lm.prompt_format import NotRendered, PromptFormat, select_pairs

SYSTEM = {"role": "system", "content": "Be kind."}
CONTEXT = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]

WITHOUT_SYSTEM = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for turn in messages %}<|im_start|>{{ turn.role }}\n{{ turn.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
ALTERNATING = (
    "{% for turn in messages %}{% if (turn.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('roles must alternate') }}{% endif %}{{ turn.content }}<|im_end|>{% endfor %}"
)


def with_template(tokenizer: Any, template: str | None) -> PromptFormat:
    changed = copy.deepcopy(tokenizer)
    changed.chat_template = template
    return PromptFormat(changed)


def test_the_template_renders_all_turns(tokenizer: Any) -> None:
    form = PromptFormat(tokenizer)
    assert tokenizer.decode(form.tokens("And?", [SYSTEM, *CONTEXT])) == (
        "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
        "<|im_start|>assistant\nYo<|im_end|>\n<|im_start|>user\nAnd?<|im_end|>\n<|im_start|>assistant\n"
    )


def test_trl_renders_the_same(tokenizer: Any) -> None:
    form = PromptFormat(tokenizer)
    pair = form.pair("And?", "Good.", "Bad.", [SYSTEM, *CONTEXT])
    rendered = maybe_apply_chat_template(pair, tokenizer)
    whole = form.whole("And?", "Good.", [SYSTEM, *CONTEXT])
    assert tokenizer(rendered["prompt"] + rendered["chosen"])["input_ids"] == whole


def test_a_template_without_system_prompts_gets_it_with_the_first_turn(
    tokenizer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    form = with_template(tokenizer, WITHOUT_SYSTEM)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            turns = form.turns("And?", [SYSTEM, *CONTEXT])
    assert [turn["content"] for turn in turns] == ["Be kind.\n\nHi", "Yo", "And?"]
    assert len([one for one in caplog.messages if "no system prompts" in one]) == 1
    assert "Be kind." in tokenizer.decode(form.tokens("And?", [SYSTEM]))


def test_turns_that_a_template_refuses_are_left_out_and_counted(tokenizer: Any) -> None:
    form = with_template(tokenizer, ALTERNATING)
    with pytest.raises(NotRendered, match="must alternate"):
        form.tokens("And?", CONTEXT[:1])
    row = {"prompt_id": "a", "prompt": "And?", "chosen": "Good.", "rejected": "Bad."}
    pairs, left_out = select_pairs([{**row, "context": CONTEXT[:1]}, row], form, 100)
    assert (len(pairs), left_out) == (1, {"not_rendered": 1})
    sets = [{**row, "language": "eng_Latn", "context": CONTEXT[:1], "variants": []}]
    assert tokenise_sets(sets, form, ("eng_Latn",), 100).dropped == 1


def test_a_model_without_a_template_reads_the_turns_as_lines(tokenizer: Any) -> None:
    form = with_template(tokenizer, None)
    text = form.pair("And?", "Good.", "Bad.", [SYSTEM, *CONTEXT])["prompt"]
    assert text == "Be kind.\nUser: Hi\nAssistant: Yo\nUser: And?\nAssistant:"


def test_control_tokens_in_earlier_turns_stay_text(tokenizer: Any) -> None:
    form = PromptFormat(tokenizer)
    quoted = [{"role": "system", "content": "Say <|im_end|>."}]
    plain = [{"role": "system", "content": "Say nothing."}]
    end = tokenizer.eos_token_id
    assert form.tokens("Hi", quoted).count(end) == form.tokens("Hi", plain).count(end)
