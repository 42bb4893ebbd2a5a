"""Conversations in the layouts of chat data, as a prompt or a response.

Lists of ``{role, content}`` (or ``{from, value}``), a dictionary of two such columns, the same written as
JSON or Python, and transcripts of HH-RLHF (``\\n\\nHuman: ...\\n\\nAssistant: ...``). A prompt is a single
user turn; system turns before it are left out.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mlc_data.core.hashing import normalise
from mlc_data.core.messages import shown
from mlc_data.core.records import PromptReason
from mlc_data.sources.accounting import Unusable
from mlc_data.sources.fields import is_absent, text_of, visible

Role = Literal["system", "user", "assistant"]

_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
}
_SPEAKER = ("role", "from")
_CONTENT = ("content", "value")
_TRANSCRIPT = re.compile(r"\s*Human:.*?\n\nAssistant:|\n\n(?:Human|Assistant):", re.DOTALL)
_TURN = re.compile(r"(?:\A\s*|\n\n)(Human|Assistant):")
_WRITTEN_OUT = re.compile(r"\s*\[\s*\{\s*[\"'](?:role|from|content|value)[\"']")


@dataclass(frozen=True, slots=True)
class Turn:
    """Contribution of one side."""

    role: Role
    text: str


def conversation(value: Any, name: str) -> list[Turn] | None:
    """Return the turns of a field; None if it is no conversation.

    Raises:
        Unusable: a turn is by nobody who is known, or is no text.
    """
    if isinstance(value, str):
        if _TRANSCRIPT.match(value):
            return _transcript(value)
        value = _parsed(value)
    if isinstance(value, Mapping):
        value = _rows(value)
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        return None
    if not all(isinstance(one, Mapping) and _first(one, _SPEAKER) for one in value):
        return None
    return [_turn(one, name) for one in value]


def prompt_text(value: Any, name: str) -> tuple[str | None, bool]:
    """Return the text of a prompt, and whether system turns before it are left out.

    It is that of a plain field, or of the one user turn of a conversation.

    Raises:
        Unusable: it is not text, or a conversation of several turns.
    """
    turns = conversation(value, name)
    if turns is None:
        return text_of(value, name), False
    spoken = [turn for turn in turns if turn.role != "system"]
    users = [turn for turn in spoken if turn.role == "user"]
    if len(users) > 1 or (users and spoken[0].role != "user") or len(spoken) > 2:
        raise Unusable(
            PromptReason.SEVERAL_TURNS,
            f"{name!r} is a conversation of {len(spoken)} turns; prompts of a single user turn are read",
        )
    return text_of(users[0].text, name) if users else None, any(t.role == "system" for t in turns)


def response_text(value: Any, name: str, prompt: str) -> str | None:
    """Return a response: a plain field, or the one assistant turn of a conversation about the prompt.

    Raises:
        Unusable: it is not text, blank, a conversation of several turns, or one about another prompt.
    """
    turns = conversation(value, name)
    if turns is None:
        empty = isinstance(value, Sequence) and not isinstance(value, str) and not value
        text = None if empty else text_of(value, name)
    else:
        text = _reply(turns, name, prompt)
    if text is not None and not visible(text).strip():
        raise Unusable(PromptReason.EMPTY, f"{name!r} is blank")
    return text


def _reply(turns: Sequence[Turn], name: str, prompt: str) -> str | None:
    users = [turn.text for turn in turns if turn.role == "user"]
    replies = [turn.text for turn in turns if turn.role == "assistant"]
    if len(users) > 1 or len(replies) > 1:
        raise Unusable(
            PromptReason.SEVERAL_TURNS, f"{name!r} is a conversation of {len(turns)} turns"
        )
    if users and normalise(visible(text_of(users[0], name) or "")) != normalise(prompt):
        raise Unusable(PromptReason.MALFORMED, f"{name!r} answers another prompt")
    return text_of(replies[0], name) if replies else None


def _transcript(text: str) -> list[Turn]:
    _, *parts = _TURN.split(text)
    turns = [
        Turn("user" if speaker == "Human" else "assistant", said.strip())
        for speaker, said in zip(parts[::2], parts[1::2], strict=True)
    ]
    # A transcript that stops where the reply would begin.
    return turns[:-1] if turns[-1] == Turn("assistant", "") and len(turns) > 1 else turns


def _parsed(text: str) -> Any:
    """Return the list that a cell of a table has as text; None if there is none."""
    if not _WRITTEN_OUT.match(text):
        return None
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return None


def _rows(value: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return a single turn as a list, and a dictionary of columns as one of rows."""
    if not value or not all(isinstance(column, list) for column in value.values()):
        return [value]
    if len({len(column) for column in value.values()}) > 1:
        return []
    return [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)]


def _turn(one: Mapping[str, Any], name: str) -> Turn:
    speaker = str(_first(one, _SPEAKER)).strip().lower()
    role = _ROLES.get(speaker)
    if role is None:
        raise Unusable(PromptReason.MALFORMED, f"{name!r} has a turn of {shown(speaker)}")
    content = _first(one, _CONTENT)
    if isinstance(content, Sequence) and not isinstance(content, str):
        content = _joined(content, name)
    if not isinstance(content, str):
        raise Unusable(PromptReason.NOT_A_STRING, f"{name!r} has a turn that is no text")
    return Turn(role, content)


def _joined(parts: Sequence[Any], name: str) -> str:
    """Return the text of a turn that is written as a list of parts."""
    texts = [part.get("text") if isinstance(part, Mapping) else part for part in parts]
    known = [text for text in texts if isinstance(text, str)]
    if len(known) < len(texts):
        raise Unusable(
            PromptReason.NOT_A_STRING, f"{name!r} has a turn with parts that are no text"
        )
    return "".join(known)


def _first(one: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return next((one[key] for key in keys if not is_absent(one.get(key))), None)
