"""A judge behind an OpenAI-compatible chat-completions endpoint."""

from __future__ import annotations

from collections.abc import Sequence

from mlc_data.core.hashing import hash_value
from mlc_data.evaluate.judges.base import Exchange, Judgment, failed
from mlc_data.evaluate.judges.chat_client import ChatClient
from mlc_data.evaluate.judges.templates import GuardTemplate, template_hash


class EndpointJudge:
    """Asks a model that somebody serves: a guard in its own format, or any model by instruction.

    For Qwen3Guard and Llama Guard it is the server that applies the chat template. What the endpoint
    fails at, after every try, is a failure of the exchange: ``http_status``, ``connection``,
    ``timeout``, ``too_long`` or ``unreadable_answer``.

    Args:
        client: knows endpoint, model and key.
        template: how the model is asked.
        revision: names the state of the model, as far as the recipe's author knows it: an endpoint
            does not tell when its weights change.
        licence: of the model.
        batch_size: exchanges to hand over at a time.
        max_tokens: most tokens of an answer; None: what the template needs.
    """

    def __init__(
        self,
        client: ChatClient,
        template: GuardTemplate,
        *,
        revision: str | None = None,
        licence: str = "unknown",
        batch_size: int = 32,
        max_tokens: int | None = None,
    ) -> None:
        self.id = client.model
        self._client, self._template = client, template
        self.licence, self.batch_size = licence, batch_size
        self._max_tokens = template.answer_tokens if max_tokens is None else max_tokens
        decides = [client.url, client.model, template_hash(template), self._max_tokens]
        self.revision = f"{revision or 'unknown'}+{hash_value(decides)[:8]}"

    def __repr__(self) -> str:
        return f"EndpointJudge({self._client!r}, {self._template.name!r})"

    def judge(self, exchanges: Sequence[Exchange]) -> list[Judgment]:
        """One judgment for each exchange, in order.

        Raises:
            UsageError: the endpoint does not take the key, or knows no such path or model.
        """
        asked = [self._template.messages(exchange) for exchange in exchanges]
        return [
            failed(answer.failure or "unreadable_answer", answer.detail)
            if answer.text is None
            else self._template.read(answer.text)
            for answer in self._client.complete(asked, self._max_tokens)
        ]

    def close(self) -> None:
        """Close its connections."""
        self._client.close()
