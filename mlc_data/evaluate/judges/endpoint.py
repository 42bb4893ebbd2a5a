"""A judge behind an OpenAI-compatible chat-completions endpoint."""

from __future__ import annotations

from collections.abc import Sequence

from mlc_data.core.hashing import hash_value
from mlc_data.evaluate.judges.base import Exchange, Judgment, failed
from mlc_data.evaluate.judges.templates import GuardTemplate, template_hash
from mlc_data.lm.chat import ChatClient


class EndpointJudge:
    """A judge that asks a served model: a guard in its own format, or any model by instruction.

    For Qwen3Guard and Llama Guard the server applies the chat template. A request that fails after all retries
    is a failure of the exchange: ``http_status``, ``connection``, ``timeout``, ``too_long`` or
    ``unreadable_answer``.

    Args:
        client: with endpoint, model and key.
        template: format of the conversation.
        revision: name of the model's state, from the recipe: an endpoint does not say when its weights
            change.
        licence: of the model.
        batch_size: exchanges in a call of `judge`.
        max_tokens: largest number of tokens of an answer; None: as many as the template needs.
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
        identity = [client.url, client.model, template_hash(template), self._max_tokens]
        self.revision = f"{revision or 'unknown'}+{hash_value(identity)[:8]}"

    def __repr__(self) -> str:
        return f"EndpointJudge({self._client!r}, {self._template.name!r})"

    def judge(self, exchanges: Sequence[Exchange]) -> list[Judgment]:
        """Return one judgment for each exchange, in order.

        Raises:
            UsageError: the endpoint does not accept the key, or has no such path or model.
        """
        conversations = [self._template.messages(exchange) for exchange in exchanges]
        return [
            failed(answer.failure or "unreadable_answer", answer.detail)
            if answer.text is None
            else self._template.read(answer.text)
            for answer in self._client.complete(conversations, self._max_tokens)
        ]

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
