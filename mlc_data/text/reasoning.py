"""Reasoning that a language model writes before its answer, between ``<think>`` and ``</think>``."""

from __future__ import annotations

import re

OPENING = "<think>"
"""Begins reasoning."""
_CLOSING = "</think>"

_BLOCK = re.compile(r"<think>(.*?)(?:</think>|\Z)", re.DOTALL | re.IGNORECASE)
_END = re.compile(r"\A(.*?)</think>", re.DOTALL | re.IGNORECASE)


def split_reasoning(reply: str) -> tuple[str, str]:
    """Return the reasoning of a reply, without its marks, and the rest.

    Reasoning that does not end takes all that follows. A mark that only ends reasoning belongs to one that the chat
    template has begun: all before it is reasoning.
    """
    parts = list[str]()

    def taken(match: re.Match[str]) -> str:
        parts.append(match[1].strip())
        return ""

    rest = _END.sub(taken, _BLOCK.sub(taken, reply))
    return "\n".join(part for part in parts if part), rest


def without_reasoning(reply: str) -> str:
    """Return a reply without its reasoning (`split_reasoning`)."""
    return split_reasoning(reply)[1]


def marked_reasoning(reasoning: str, rest: str) -> str:
    """Return a reply of which `split_reasoning` gives these parts, for reasoning that came apart from the reply."""
    return f"{OPENING}{reasoning}{_CLOSING}{rest}" if reasoning else rest


def begins_reasoning(prompt: str) -> bool:
    """Return whether a rendered prompt ends by beginning the reasoning, as some chat templates do."""
    return prompt.rstrip().lower().endswith(OPENING)
