"""Chat templates that a model may bring: each is rendered right, or refused in one line."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tiny_models import CHATML, chat_tokenizer
from transformers import PreTrainedTokenizerFast

from mlc_data.errors import ModelError
from mlc_data.lm.chat_template import Chat, prepare
from mlc_data.lm.prompt_format import PromptFormat

LOOP = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
OPEN = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
PARTS = (
    LOOP + "{% for p in m['content'] %}{{ p['text'] }}{% endfor %}<|im_end|>\n{% endfor %}" + OPEN
)
PARTS_IF = (
    LOOP + "{% for p in m['content'] %}{% if p['type'] == 'text' %}{{ p['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}" + OPEN
)
SYSTEM = (
    "{% if messages[0]['role'] != 'system' %}{{ raise_exception('A system message is required') }}"
    "{% endif %}" + CHATML
)
NO_ASSISTANT = (
    "{% for m in messages %}{% if m['role'] == 'assistant' %}{{ raise_exception('No replies here') }}"
    "{% endif %}{% endfor %}" + CHATML
)
TODAY = "{{ 'Today: ' + strftime_now('%d %b %Y') + '\n' }}"
DATED = TODAY + CHATML
LLAMA = (
    "{%- if not date_string is defined %}{%- if strftime_now is defined %}"
    '{%- set date_string = strftime_now("%d %b %Y") %}{%- endif %}{%- endif %}'
    "{{- 'Today Date: ' + date_string + '\\n' }}" + CHATML
)
DATED_SYSTEM = (
    "{% if messages[0]['role'] == 'system' %}{{ strftime_now('%Y') }}{% endif %}" + CHATML
)
ODD_DATE = "{% set form = '%d %b' %}{{ strftime_now(form) }}" + CHATML
THINKING = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['role'] == 'assistant' %}"
    "<think>\n\n</think>\n\n{% endif %}{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n"
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}"
    "{% endif %}"
)
ALWAYS_THINKING = CHATML.replace("assistant\n{% endif %}", "assistant\n<think>\n{% endif %}")
NO_END = "{% for m in messages %}### {{ m['role'] }}:\n{{ m['content'] }}\n\n{% endfor %}{% if add_generation_prompt %}### assistant:\n{% endif %}"
NO_OPENING = LOOP + "{{ m['content'] }}<|im_end|>\n{% endfor %}"
CONSTANT = LOOP + "a message<|im_end|>\n{% endfor %}" + OPEN
UPPER = CHATML.replace("m['content']", "m['content'] | upper")
SYNTAX = CHATML + "{% if %}"
OTHER_END = CHATML.replace("<|im_end|>", "<|eot|>")
TWICE = "{{ bos_token }}<|begin|>" + CHATML
ONCE = "{{ bos_token }}" + CHATML


@pytest.fixture
def bare() -> PreTrainedTokenizerFast:
    """A tokenizer of its own, which tests change."""
    tokenizer = chat_tokenizer()
    tokenizer.add_special_tokens({"bos_token": "<|begin|>"})
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|eot|>"]})
    return tokenizer


def prepared(tokenizer: Any, given: str, **settings: Any) -> tuple[str, str, str]:
    """Return a prompt and a chat as the tokenizer renders them, and the token that ends a reply."""
    tokenizer.chat_template = given
    end = prepare(tokenizer, Chat(**settings), "some/model", "align.model")
    form = PromptFormat(tokenizer)
    prompt, whole = form.tokens("Hi"), form.whole("Hi", "Yo")
    assert whole[: len(prompt)] == prompt
    return tokenizer.decode(prompt), tokenizer.decode(whole), tokenizer.decode([end])


RIGHT = "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
RENDERED = {
    "plain": (CHATML, RIGHT, RIGHT + "Yo<|im_end|>\n", "<|im_end|>"),
    "parts": (PARTS, RIGHT, RIGHT + "Yo<|im_end|>\n", "<|im_end|>"),
    "parts by type": (PARTS_IF, RIGHT, RIGHT + "Yo<|im_end|>\n", "<|im_end|>"),
    "no opening": (NO_OPENING, RIGHT, RIGHT + "Yo<|im_end|>\n", "<|im_end|>"),
    "no end": (
        NO_END,
        "### user:\nHi\n\n### assistant:\n",
        "### user:\nHi\n\n### assistant:\nYo\n\n<|im_end|>",
        "<|im_end|>",
    ),
    "another end": (
        OTHER_END,
        RIGHT.replace("im_end", "eot"),
        RIGHT.replace("im_end", "eot") + "Yo<|eot|>\n",
        "<|eot|>",
    ),
    "a beginning": (
        ONCE,
        "<|begin|>" + RIGHT,
        "<|begin|>" + RIGHT + "Yo<|im_end|>\n",
        "<|im_end|>",
    ),
    "a date that is not written": (DATED_SYSTEM, RIGHT, RIGHT + "Yo<|im_end|>\n", "<|im_end|>"),
}


@pytest.mark.parametrize("name", RENDERED)
def test_a_template_that_is_rendered_right(bare: Any, name: str) -> None:
    template, *expected = RENDERED[name]
    assert prepared(bare, template) == tuple(expected)


@pytest.mark.parametrize(
    ("template", "line"),
    [
        (SYSTEM, r"some/model raises on a prompt alone \(A system message is required\)"),
        (NO_ASSISTANT, r"raises on a reply \(No replies here\)"),
        (DATED, r"today's date.*set align\.chat_template_date"),
        (LLAMA, r"today's date.*set align\.chat_template_date"),
        (ODD_DATE, r"a form that cannot be fixed: give a template of your own"),
        (CONSTANT, "writes the same for different prompts"),
        (UPPER, "does not write the prompt as it is"),
        (SYNTAX, "raises on a prompt alone"),
        (
            ALWAYS_THINKING,
            r"ends a prompt with '<think>\\n', which it does not write before a reply",
        ),
        (TWICE, r"begins a text twice with '<\|begin\|>'"),
    ],
)
def test_a_template_that_is_refused_in_one_line(bare: Any, template: str, line: str) -> None:
    with pytest.raises(ModelError, match=line) as refused:
        prepared(bare, template)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("template", [DATED, LLAMA])
def test_a_date_is_pinned(bare: Any, template: str) -> None:
    prompt, *_ = prepared(bare, template, day=date(2024, 7, 26))
    assert "26 Jul 2024" in prompt


def test_a_thinking_model_is_reported(bare: Any, caplog: pytest.LogCaptureFixture) -> None:
    prepared(bare, THINKING)
    assert "set align.chat_template_options: {enable_thinking: false}" in caplog.text


def test_what_stands_between_prompt_and_reply_is_reported(
    bare: Any, caplog: pytest.LogCaptureFixture
) -> None:
    switchless = THINKING.replace("enable_thinking is false", "false")
    prompt, whole, _ = prepared(bare, switchless)
    assert whole.startswith(prompt + "<think>")
    assert "between the prompt and a reply, which is trained along" in caplog.text


def test_a_switch_is_written_into_the_template(
    bare: Any, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    prompt, whole, _ = prepared(bare, THINKING, options={"enable_thinking": False})
    assert prompt == RIGHT + "<think>\n\n</think>\n\n"
    assert whole.startswith(prompt + "Yo")
    assert not caplog.text
    bare.save_pretrained(tmp_path)
    again = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    assert again.decode(PromptFormat(again).tokens("Hi")) == prompt


def test_what_is_prepared_can_be_prepared_again(bare: Any) -> None:
    settings: dict[str, Any] = {"options": {"enable_thinking": False}, "day": date(2024, 7, 26)}
    first = prepared(bare, TODAY + THINKING, **settings)
    assert prepared(bare, bare.chat_template, **settings) == first


def test_a_switch_that_the_template_does_not_know(bare: Any) -> None:
    with pytest.raises(ModelError, match=r"'enable_thinkng'.*did you mean 'enable_thinking'"):
        prepared(bare, THINKING, options={"enable_thinkng": False})


def test_options_without_a_template(bare: Any) -> None:
    bare.chat_template = None
    assert prepare(bare, Chat(), "some/model", "align.model") is None
    with pytest.raises(ModelError, match="has no chat template"):
        prepare(bare, Chat(options={"enable_thinking": False}), "some/model", "align.model")


def test_several_templates_of_which_one_is_the_default(bare: Any) -> None:
    several = {"default": CHATML, "tool_use": CONSTANT}
    assert prepared(bare, several)[0] == RIGHT  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="is not one but several"):
        prepared(bare, {"one": CHATML, "other": CHATML})  # type: ignore[arg-type]


def test_a_template_of_the_recipe(bare: Any, tmp_path: Path) -> None:
    from mlc_data.recipe.align import Align

    file = tmp_path / "mine.jinja"
    file.write_text(CHATML)
    chat = Chat.of(Align(model="x", chat_template=str(file)))
    assert prepared(bare, SYSTEM, **vars(chat))[0] == RIGHT
    file.write_text(OTHER_END)
    assert Chat.of(Align(model="x", chat_template=str(file))).identity != chat.identity
    with pytest.raises(ModelError, match="there is no file"):
        Chat.of(Align(model="x", chat_template="nowhere.jinja"))
