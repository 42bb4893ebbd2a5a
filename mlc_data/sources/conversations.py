"""Conversations in the layouts of chat data, as turns.

Lists of ``{role, content}`` (or ``{from, value}``), a dictionary of two such columns, the same written as
JSON or Python, and transcripts of HH-RLHF (``\\n\\nHuman: ...\\n\\nAssistant: ...``).
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from mlc_data.core.messages import shown
from mlc_data.core.records import PromptReason, Turn
from mlc_data.sources.accounting import Unusable
from mlc_data.sources.fields import is_absent

_ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "ai": "assistant",
    "bot": "assistant",
    "chatbot": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "model": "assistant",
}
_SPEAKER = ("role", "from")
_CONTENT = ("content", "value")
_BLANK_LINE = r"(?:\r?\n){2}"
_TRANSCRIPT = re.compile(
    rf"\s*Human:.*?{_BLANK_LINE}Assistant:|{_BLANK_LINE}(?:Human|Assistant):", re.DOTALL
)
_TURN = re.compile(rf"(?:\A\s*|{_BLANK_LINE})(Human|Assistant):")
_WRITTEN_OUT = re.compile(r"\s*\[?\s*\{\s*[\"'](?:role|from|content|value)[\"']\s*:")
_NO_COMMA = re.compile(r"\}\s*\n\s*\{")
"""Between the turns of an array of NumPy that is written into a cell."""


def conversation(value: Any, name: str, *, to_prompt: bool = False) -> list[Turn] | None:
    """Return the turns of a field; None if it is no conversation.

    Args:
        value: the field.
        name: of its column.
        to_prompt: leave out what comes after the last turn of the user, whatever it is: calls of tools, images,
            replies by an unknown speaker.

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
    if to_prompt:
        users = [place for place, one in enumerate(value) if _role(one) == "user"]
        value = value[: users[-1] + 1] if users else value
    turns = [_turn(one, name) for one in value]
    # An empty system prompt is how datasets write that there is none.
    return [turn for turn in turns if turn.role != "system" or turn.content.strip()]


def _transcript(text: str) -> list[Turn]:
    before, *parts = _TURN.split(text)
    turns = [
        Turn("user" if speaker == "Human" else "assistant", said.strip())
        for speaker, said in zip(parts[::2], parts[1::2], strict=True)
    ]
    if before.strip():
        turns.insert(0, Turn("system", before.strip()))
    # A transcript that stops where the reply would begin.
    return turns[:-1] if turns[-1] == Turn("assistant", "") and len(turns) > 1 else turns


def _parsed(text: str) -> Any:
    """Return the list that a cell of a table has as text; None if there is none."""
    if not _WRITTEN_OUT.match(text):
        return None
    for parse in (json.loads, ast.literal_eval, _literal_without_commas):
        try:
            return parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return None


def _literal_without_commas(text: str) -> Any:
    return ast.literal_eval(_NO_COMMA.sub("}, {", text))


def _rows(value: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return a single turn as a list, a dictionary of columns as one of rows, and a request's messages."""
    if isinstance(messages := value.get("messages"), list):
        return messages
    if not value or not all(isinstance(column, list) for column in value.values()):
        return [value]
    if len({len(column) for column in value.values()}) > 1:
        return []
    return [dict(zip(value, row, strict=True)) for row in zip(*value.values(), strict=True)]


def _turn(one: Mapping[str, Any], name: str) -> Turn:
    role = _role(one)
    if role is None:
        speaker = str(_first(one, _SPEAKER)).strip().lower()
        raise Unusable(PromptReason.MALFORMED, f"{name!r} has a turn of {shown(speaker)}")
    content = _first(one, _CONTENT)
    if content is None and role == "system":
        return Turn(role, "")
    if isinstance(content, Sequence) and not isinstance(content, str):
        content = _joined(content, name)
    if not isinstance(content, str):
        raise Unusable(PromptReason.NOT_A_STRING, f"{name!r} has a turn that is no text")
    return Turn(role, content)


def _role(one: Mapping[str, Any]) -> str | None:
    return _ROLES.get(str(_first(one, _SPEAKER)).strip().lower())


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
