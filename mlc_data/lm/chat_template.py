"""Chat templates, rendered and looked at before anything is trained on them.

The recipe's settings and repairs are written into the template of the tokenizer, so the trainer, the evaluation and
users of the checkpoint all render the same text.
"""

from __future__ import annotations

import difflib
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from mlc_data.core.hashing import hash_value
from mlc_data.core.paths import local_path
from mlc_data.errors import ModelError, first_line
from mlc_data.recipe.align import Align

log = logging.getLogger(__name__)

_PROMPTS = ("How do I bake bread at home?", "How do I mend a bicycle at home?")
_REPLY = "With patience and good tools."
_DAYS = (date(2020, 1, 2), date(2031, 12, 30))

_NOW = re.compile(r"""strftime_now\(\s*(["'])(?P<format>.*?)\1\s*\)""")
_SWITCHES = ("enable_thinking", "thinking")
"""Names under which templates let a model think before it replies."""

_RAISED = (TemplateError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
"""Exceptions of a template, and of Python within it."""

_OWN = "or give a template of your own (align.chat_template)"

# Jinja drops the newline after a block, so that what follows begins a line, as it did before.
_PARTS = (
    "{% set _turns = namespace(all=[]) %}{% for turn in messages %}{% if turn.content is string %}"
    "{% set _turns.all = _turns.all + [{'role': turn.role, 'content': [{'type': 'text', 'text': turn.content}]}] %}"
    "{% else %}{% set _turns.all = _turns.all + [turn] %}{% endif %}{% endfor %}"
    "{% set messages = _turns.all %}\n"
)
_CLOSED = (
    "{%+ if messages[-1]['role'] == 'assistant' and not add_generation_prompt %}"
    "{{ eos_token }}{% endif %}"
)


@dataclass(frozen=True)
class Chat:
    """A recipe's settings of the chat template.

    Attributes:
        template: text of a template in place of the tokenizer's.
        options: values of the template's switches.
        day: that is written instead of today.
    """

    template: str | None = None
    options: Mapping[str, bool | int | float | str] = field(default_factory=dict)
    day: date | None = None

    @classmethod
    def of(cls, settings: Align) -> Chat:
        """Return a recipe's settings.

        Raises:
            ModelError: the template's file does not exist.
        """
        given = settings.chat_template
        text = None if given is None else _text(given)
        return cls(text, settings.chat_template_options, settings.chat_template_date)

    @property
    def identity(self) -> str | None:
        """Hash of the settings; None where the recipe has none."""
        if self == Chat():
            return None
        day = None if self.day is None else self.day.isoformat()
        return hash_value([self.template, dict(self.options), day])


def prepare(
    tokenizer: Any, chat: Chat, location: str, key: str, *, report: bool = True
) -> int | None:
    """Write a recipe's settings into the tokenizer's chat template, and look at what it renders.

    A template that takes lists of parts alone is given them, and one that closes no turn gets the end-of-text token
    behind a reply. A model that thinks, and that no option tells not to, is reported.

    Returns:
        The token that ends a reply; None without a template.

    Args:
        tokenizer: changed here.
        chat: the recipe's settings.
        location: of the model, as the recipe names it.
        key: the recipe's key, named in errors.
        report: log what is trained along.

    Raises:
        ModelError: the template raises, writes the prompt not at all or today's date, begins a text twice, or writes
            something else before a reply than where a reply would begin; or a setting does not fit to it.
    """
    where = f"{key}: the chat template of {location}"
    if chat.template is not None:
        tokenizer.chat_template = chat.template
        where = f"align.chat_template (for {location})"
    if not tokenizer.chat_template:
        if chat.options or chat.day:
            raise ModelError(f"{key}: {location} has no chat template that options could be for")
        return None
    try:
        text: str = tokenizer.get_chat_template()
    except ValueError as error:  # several, and none is the default
        raise ModelError(f"{where} is not one but several: {first_line(error)}") from error
    _require_options(text, chat.options, where)
    if chat.day is not None:
        text = _on(chat.day, text)
    sets = (f"{{% set {name} = {json.dumps(value)} %}}\n" for name, value in chat.options.items())
    tokenizer.chat_template = "".join(sets) + text
    _take_parts(tokenizer, where)
    _require_no_date(tokenizer, where)
    between = _open_reply(tokenizer, where)
    if report:
        _report(tokenizer, chat, between, where)
    end = _close_reply(tokenizer, where)
    _require_one_beginning(tokenizer, where)
    return end


def _text(given: str) -> str:
    if "{" in given:
        return given
    path = local_path(given)
    if not path.is_file():
        raise ModelError(
            f"align.chat_template: there is no file {given} (relative paths start at {Path.cwd()}), and a template "
            "has {{ or {% in it"
        )
    return path.read_text(encoding="utf-8")


def _require_options(text: str, options: Mapping[str, Any], where: str) -> None:
    names = set(re.findall(r"\b[a-z_]\w*\b", text))
    for name in options:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ModelError(f"{where} knows no {name!r} (align.chat_template_options){hint}")


def _on(day: date, text: str) -> str:
    """Return a template that writes one day, whenever it is rendered."""
    return _NOW.sub(lambda found: json.dumps(day.strftime(found["format"])), text)


def _render(tokenizer: Any, *contents: Any, template: str | None = None, **options: Any) -> str:
    """Return a chat as text: the user's turn, then the assistant's, up to where the next would begin."""
    roles = ("user", "assistant")
    turns = [{"role": role, "content": each} for role, each in zip(roles, contents, strict=False)]
    text: str = tokenizer.apply_chat_template(
        turns,
        chat_template=template,
        tokenize=False,
        add_generation_prompt=len(turns) == 1,
        **options,
    )
    return text


def _take_parts(tokenizer: Any, where: str) -> None:
    """Make sure that the template writes prompts and replies, as texts or as lists of parts."""
    if (fault := _fault(tokenizer)) is None:
        return
    plain = tokenizer.chat_template
    tokenizer.chat_template = _PARTS + plain
    if _fault(tokenizer) is not None:
        tokenizer.chat_template = plain
        raise ModelError(f"{where} {fault}: choose another model, {_OWN}")


def _fault(tokenizer: Any) -> str | None:
    """Return what is wrong with the rendering of two prompts and a reply; None if nothing is."""
    try:
        texts = [_render(tokenizer, prompt) for prompt in _PROMPTS]
    except _RAISED as error:
        return f"raises on a prompt alone ({first_line(error)})"
    if texts[0] == texts[1]:
        return "writes the same for different prompts"
    if not all(prompt in text for prompt, text in zip(_PROMPTS, texts, strict=True)):
        return "does not write the prompt as it is"
    try:
        whole = _render(tokenizer, _PROMPTS[0], _REPLY)
    except _RAISED as error:
        return f"raises on a reply ({first_line(error)})"
    if _PROMPTS[0] not in whole or _REPLY not in whole:
        return "does not write a reply behind its prompt"
    return None


def _require_no_date(tokenizer: Any, where: str) -> None:
    text = tokenizer.chat_template
    if "strftime_now(" not in text.replace(" ", ""):
        return
    advice = "set align.chat_template_date (such as 2024-07-26)"
    days = [_on(day, text) for day in _DAYS]
    if any("strftime_now(" in each.replace(" ", "") for each in days):
        raise ModelError(f"{where} writes today's date in a form that cannot be fixed: {_OWN[3:]}")
    if len({_render(tokenizer, _PROMPTS[0], template=each) for each in days}) > 1:
        raise ModelError(
            f"{where} writes today's date, so that a training on another day would be another: {advice}"
        )


def _report(tokenizer: Any, chat: Chat, between: str, where: str) -> None:
    """Log a switch that the recipe leaves alone and that decides whether the model thinks, or what else is learned."""
    usual = _render(tokenizer, _PROMPTS[0])
    for name in _SWITCHES:
        switched: list[dict[str, Any]] = [{name: True}, {name: False}]
        differs = any(_render(tokenizer, _PROMPTS[0], **each) != usual for each in switched)
        if differs and name not in chat.options:
            log.warning(
                "%s lets the model think before it replies, and the pairs' replies do not: set "
                "align.chat_template_options: {%s: false} (or true, if they do)", where, name,
            )  # fmt: skip
            return
    if between:
        log.warning(
            "%s writes %r between the prompt and a reply, which is trained along", where, between
        )


def _open_reply(tokenizer: Any, where: str) -> str:
    """Make sure that a prompt ends where its reply begins; return what the template writes between them even so."""
    prompt = _render(tokenizer, _PROMPTS[0])
    whole = _render(tokenizer, _PROMPTS[0], _REPLY)
    if not whole.startswith(prompt):
        same = next(n for n, (a, b) in enumerate(zip(prompt, whole + "\0", strict=False)) if a != b)
        raise ModelError(
            f"{where} ends a prompt with {prompt[same:]!r}, which it does not write before a reply: set one of its "
            f"switches (align.chat_template_options), {_OWN}"
        )
    between = whole[len(prompt) :].partition(_REPLY)[0]
    if not between.strip():
        return ""
    text = tokenizer.chat_template
    if "add_generation_prompt" in text:
        return between
    opened = f"{{%+ if add_generation_prompt %}}{{{{ {json.dumps(between)} }}}}{{% endif %}}"
    tokenizer.chat_template = text.removesuffix("\n") + opened
    return ""


def _close_reply(tokenizer: Any, where: str) -> int:
    """Make sure that a reply ends with a token, and return it."""
    for attempt in range(2):
        tail = _render(tokenizer, _PROMPTS[0], _REPLY).rpartition(_REPLY)[2]
        ids = tokenizer(tail, add_special_tokens=False)["input_ids"] if tail else []
        added = tokenizer.added_tokens_decoder
        special = {*tokenizer.all_special_ids, *(n for n, each in added.items() if each.special)}
        end = next((each for each in ids if each in special), None)
        if end is not None:
            return int(end)
        if not attempt:
            tokenizer.chat_template = tokenizer.chat_template.removesuffix("\n") + _CLOSED
    raise ModelError(
        f"{where} ends a reply with no token that generation could stop at; {_OWN[3:]}"
    )


def _require_one_beginning(tokenizer: Any, where: str) -> None:
    first = tokenizer.bos_token_id
    turns = [{"role": "user", "content": _PROMPTS[0]}]
    ids = tokenizer.apply_chat_template(
        turns, tokenize=True, return_dict=True, add_generation_prompt=True
    )["input_ids"]
    if first is not None and list(ids[:2]) == [first, first]:
        raise ModelError(
            f"{where} begins a text twice with {tokenizer.bos_token!r}: correct it, {_OWN}"
        )
