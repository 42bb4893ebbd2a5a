"""Prompts and responses within conversations.

A prompt is the last turn of the user, with the turns before it as its context. A response is the turn of the
assistant that follows; a conversation that holds it may repeat the prompt, or all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlc_data.core.hashing import normalise
from mlc_data.core.records import PromptReason, Turn
from mlc_data.sources.accounting import Unusable
from mlc_data.sources.conversations import conversation
from mlc_data.sources.fields import text_of, visible


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A prompt's text (None: there is none), the turns before it, and what each response begins with."""

    text: str | None
    context: tuple[Turn, ...] = ()
    opening: str = ""


def dialogue_of(value: Any, name: str, *, replied: bool = False) -> Dialogue:
    """Return the prompt of a plain field, or of a conversation up to its last turn of the user.

    Args:
        value: the field.
        name: of its column.
        replied: True if the conversation has the reply too, which is no part of the prompt and may be anything.

    Raises:
        Unusable: it is not text, or has a turn of another role.
    """
    turns = conversation(value, name, to_prompt=replied)
    if turns is None:
        return Dialogue(text_of(value, name))
    return _before_reply(turns, name)


def explicit_prompt(value: Any, name: str) -> Dialogue:
    """Return the prompt of a column of prompts; a turn of the assistant at its end is what responses go on from.

    Raises:
        Unusable: see `dialogue_of`.
    """
    found, turns = dialogue_of(value, name), conversation(value, name)
    if found.text is None or not turns or turns[-1].role != "assistant":
        return found
    return replace(found, opening=text_of(turns[-1].content, name) or "")


def _before_reply(turns: Sequence[Turn], name: str) -> Dialogue:
    last = max((n for n, turn in enumerate(turns) if turn.role == "user"), default=None)
    if last is None:
        return Dialogue(None)
    context = (replace(turn, content=_said(turn, name)) for turn in turns[:last])
    return Dialogue(text_of(turns[last].content, name), tuple(context))


def _said(turn: Turn, name: str) -> str:
    return visible(text_of(turn.content, name) or "")


def shared_dialogue(values: Sequence[tuple[Any, str]]) -> Dialogue:
    """Return the prompt that conversations with different responses begin with: TRL's implicit prompt.

    Args:
        values: fields with their names.

    Raises:
        Unusable: a turn of the only conversation is no text, or of another role.
    """
    found, fault = [], None
    for value, name in values:
        try:
            if (turns := conversation(value, name, to_prompt=True)) is not None:
                found.append((turns, name))
        except Unusable as unusable:
            fault = fault or unusable
    if not found:
        if fault:
            raise fault
        return Dialogue(None)
    turns, name = found[0]
    if len(found) > 1:
        same = 0
        for one, other in zip(turns, found[1][0], strict=False):
            if not _alike([one], [other]):
                break
            same += 1
        if same and turns[same - 1].role == "user":
            turns = turns[:same]
    return _before_reply(turns, name)


def with_context_of(prompt: Dialogue, value: Any, name: str) -> Dialogue:
    """Return a prompt that is plain text with the context that a conversation with its response has.

    Raises:
        Unusable: the conversation has a turn that is no text, or of another role.
    """
    turns = conversation(value, name, to_prompt=True)
    if turns is None:
        return prompt
    found = _before_reply(turns, name)
    same = found.text is not None and _same(found.text, prompt.text or "")
    return replace(prompt, context=found.context) if same else prompt


def response_text(value: Any, name: str, prompt: Dialogue) -> str | None:
    """Return a response: a plain field, or the last turn of the assistant in a conversation about the prompt.

    Raises:
        Unusable: it is not text, blank, of several turns, or answers another prompt.
    """
    turns = conversation(value, name)
    if turns is None:
        empty = isinstance(value, Sequence) and not isinstance(value, str) and not value
        text = None if empty else text_of(value, name)
        alone = True
    else:
        text = _reply(turns, name, prompt)
        alone = not any(turn.role == "user" for turn in turns)
    if text is not None and not visible(text).strip():
        raise Unusable(PromptReason.EMPTY, f"{name!r} is blank")
    return prompt.opening + text if text is not None and alone else text


def _reply(turns: Sequence[Turn], name: str, prompt: Dialogue) -> str | None:
    spoken = [turn for turn in turns if turn.role != "system"]
    before = spoken[:-1] if spoken and spoken[-1].role == "assistant" else spoken
    whole = [*(turn for turn in prompt.context if turn.role != "system"), _user(prompt.text)]
    # The response alone, with the prompt, or with all that was said.
    if before and not (len(before) <= len(whole) and _alike(before, whole[-len(before) :])):
        begun = any(_alike(before[: len(some)], some) for some in (whole, whole[-1:]))
        if begun or all(turn.role == "assistant" for turn in before):
            detail = f"{name!r} is a conversation of {len(turns)} turns"
            raise Unusable(PromptReason.SEVERAL_TURNS, detail)
        raise Unusable(PromptReason.MALFORMED, f"{name!r} answers another prompt")
    return text_of(spoken[-1].content, name) if len(spoken) > len(before) else None


def _user(text: str | None) -> Turn:
    return Turn("user", text or "")


def _alike(one: Sequence[Turn], other: Sequence[Turn]) -> bool:
    return len(one) == len(other) and all(
        a.role == b.role and _same(a.content, b.content) for a, b in zip(one, other, strict=True)
    )


def _same(one: str, other: str) -> bool:
    return normalise(visible(one)) == normalise(visible(other))


def common_beginning(chosen: str, rejected: str) -> int:
    """Return the length of what two texts begin with, up to a blank: TRL's implicit prompt."""
    shorter = min(len(chosen), len(rejected))
    same = next((n for n in range(shorter) if chosen[n] != rejected[n]), shorter)
    return same - 1 if same and chosen[same - 1] == " " else same
