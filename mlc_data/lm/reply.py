"""Reply of a language model, run in this process or by a server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """Reply of a model.

    ``text`` includes reasoning, with the mark that begins it, even if that is the chat template's. ``tokens``
    counts the generated tokens; ``finished`` is True if the model ended before the limit.
    """

    text: str
    tokens: int
    finished: bool
