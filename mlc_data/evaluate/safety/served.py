"""Replies of the evaluated models from an OpenAI-compatible endpoint."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from mlc_data.core import progress
from mlc_data.core.wording import in_words
from mlc_data.evaluate.models import WHEN
from mlc_data.lm.chat import Answer, ChatClient
from mlc_data.lm.reply import Reply
from mlc_data.recipe.replies import ReplyEndpoint
from mlc_data.text.reasoning import marked_reasoning

log = logging.getLogger(__name__)

KEY = "evaluate.safety.replies.endpoint"

Keep = Callable[[Sequence[int], Sequence[Reply]], None]
"""Called with positions of prompts and their replies."""


def open_client(settings: ReplyEndpoint, when: str) -> ChatClient:
    """Return a client of the endpoint for one of `WHEN`'s models.

    Raises:
        UsageError: the address or the key's variable is wrong.
    """
    model = settings.before if when == WHEN[0] else settings.after
    return ChatClient(settings.url, model, key=KEY, **settings.client)


def identify_endpoint(settings: ReplyEndpoint, when: str) -> list[Any]:
    """Return all of a recipe's endpoint that determines one model's replies."""
    with closing(open_client(settings, when)) as client:
        return ["endpoint", client.url, client.model, settings.revision]


def ask(
    settings: ReplyEndpoint, when: str, prompts: Sequence[str], max_tokens: int, keep: Keep
) -> dict[int, str]:
    """Ask a served model for a reply to each prompt.

    Args:
        settings: the recipe's endpoint.
        when: one of `WHEN`.
        prompts: one turn of the user each.
        max_tokens: largest number of tokens of a reply, reasoning included.
        keep: called with each reply as soon as it is there.

    Returns:
        The reason for each reply that is missing after all retries, by position: those of `Answer`.

    Raises:
        UsageError: the endpoint does not accept the key, or has no such path or model.
    """
    failed: dict[int, Answer] = {}
    with (
        closing(open_client(settings, when)) as client,
        progress.bar("asking for replies", len(prompts), "replies") as bar,
    ):

        def receive(index: int, answer: Answer) -> None:
            if answer.text is None and not answer.reasoning:
                failed[index] = answer
            else:
                keep([index], [_reply(answer)])
            bar.advance(1)

        client.complete(
            [[{"role": "user", "content": prompt}] for prompt in prompts], max_tokens, receive
        )
    reasons = {index: answer.failure or "unreadable_answer" for index, answer in failed.items()}
    if failed:
        log.warning(
            "evaluate: %s: no reply to %d of %d prompts (%s; %s); they are asked again the next time",
            when, len(failed), len(prompts), in_words(Counter(reasons.values())),
            next(iter(failed.values())).detail,
        )  # fmt: skip
    return reasons


def _reply(answer: Answer) -> Reply:
    """Return the reply with its reasoning marked in the text, wherever the server put it."""
    text = marked_reasoning(answer.reasoning, answer.text or "")
    return Reply(text.strip(), answer.answer_tokens, not answer.cut)
