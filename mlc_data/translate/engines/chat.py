"""Translation by a language model behind an OpenAI-compatible endpoint."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mlc_data.core.hashing import hash_value
from mlc_data.core.records import FailureReason
from mlc_data.errors import ModelError
from mlc_data.languages.flores import all_languages
from mlc_data.lm.chat import Answer, ChatClient
from mlc_data.recipe.endpoints import ChatEngine
from mlc_data.translate.engines.base import Decoding, Done, Hypothesis, Request, refuse_pairs
from mlc_data.translate.engines.questions import FORMATS, Question
from mlc_data.translate.engines.replies import read_reply

_FLUSHED = 32
_LONGEST = 0.02
"""Answers, or seconds, after which what was received is handed on."""

_TEMPERATURE = 0.7
"""Temperature of the candidates after the first, each with a seed of its own."""

_FAILURES = {"too_long": FailureReason.SEGMENT_TOO_LONG}


class ChatTranslator:
    """A `Translator` that asks a served model, one sentence a request, several at a time.

    A request that fails after all retries, an answer that is no translation (`read_reply`) and one that is cut off
    are failures of the sentence. The search settings do not apply, except the number of hypotheses: the first is the
    answer at temperature 0, the others are sampled.

    Args:
        name: of the endpoint in the recipe.
        settings: its section.
        decoding: the recipe's; a request takes the largest number of tokens of an answer from it.
        client: for tests; by default one for the endpoint.

    Raises:
        UsageError: the address, the key's variable or the template is wrong.
    """

    def __init__(
        self,
        name: str,
        settings: ChatEngine,
        decoding: Decoding,
        client: ChatClient | None = None,
    ) -> None:
        key = f"translate.endpoints.{name}"
        self._client = client or ChatClient(
            settings.url, settings.model, key=key, **settings.client
        )
        self._question = Question(settings.template or FORMATS[settings.format], key)
        self.name, self.id, self.licence = name, settings.model, settings.licence
        self.languages = frozenset(
            settings.languages or (language.code for language in all_languages())
        )
        # The recipe's own, so that engines side by side have one default, in the cache's keys too.
        self.decoding = decoding
        self.revision = f"{settings.revision or 'unknown'}+{hash_value(self.settings)[:8]}"
        self._prices = (settings.price_in, settings.price_out)

    def __repr__(self) -> str:
        return f"ChatTranslator({self.name!r}, {self._client!r})"

    @property
    def settings(self) -> dict[str, Any]:
        """Address, model and wording of the questions; see `Translator`."""
        return {
            "engine": "chat-1",
            "url": self._client.url,
            "model": self.id,
            "question": self._question.source,
        }

    def part(self, source: str, target: str) -> ChatTranslator:
        """Return itself, see `Translator`."""
        unknown = [code for code in (source, target) if code not in self.languages]
        if unknown:
            raise ModelError(f"does not know {', '.join(unknown)}")
        return self

    def translate(
        self,
        requests: Sequence[Request],
        done: Done | None = None,
        decoding: Decoding | None = None,
    ) -> list[Hypothesis]:
        """See `Translator`. Answers are handed to ``done`` as they arrive, a few at a time.

        Raises:
            UsageError: the endpoint does not accept the key, or has no such path or model.
        """
        refuse_pairs(self, {(request.source, request.target) for request in requests})
        return self._complete(requests, decoding or self.decoding, done)

    def translate_nbest(
        self, requests: Sequence[Request], decoding: Decoding
    ) -> list[list[Hypothesis]]:
        """See `Translator`."""
        refuse_pairs(self, {(request.source, request.target) for request in requests})
        number = decoding.num_hypotheses
        each = [request for request in requests for _ in range(number)]
        sampled = [{}, *({"temperature": _TEMPERATURE, "seed": seed} for seed in range(1, number))]
        made = self._complete(each, decoding, None, sampled * len(requests))
        return [made[start : start + number] for start in range(0, len(made), number)]

    def used(self, decoding: Decoding) -> Decoding:
        """Return what of a decoding determines the answers, for the cache: another search asks nothing new."""
        number = decoding.num_hypotheses
        usual = replace(self.decoding, num_hypotheses=1)
        changes = {"num_hypotheses": number, "beam_size": max(number, usual.beam_size)}
        return replace(usual, max_output_tokens=decoding.max_output_tokens, **changes)

    def usage(self, several: Sequence[Hypothesis]) -> dict[str, int]:
        """Return requests, tokens and cost of hypotheses, as ``<endpoint>/<figure>``."""
        asked, answered = (sum(each.tokens[end] for each in several) for end in (0, 1))
        # A price is of a million tokens, so this is in millionths: figures stay whole numbers.
        cost = round(asked * self._prices[0] + answered * self._prices[1])
        figures = {
            "requests": len(several),
            "tokens in": asked,
            "tokens out": answered,
            "cost in millionths": cost,
        }
        return {f"{self.name}/{name}": value for name, value in figures.items()}

    def _complete(
        self,
        requests: Sequence[Request],
        decoding: Decoding,
        done: Done | None,
        sampled: Sequence[dict[str, float]] | None = None,
    ) -> list[Hypothesis]:
        batch = _Batch(done)

        def receive(index: int, answer: Answer) -> None:
            batch.add(index, self._hypothesis(requests[index], answer))

        conversations = [[{"role": "user", "content": self._ask(each)}] for each in requests]
        try:
            self._client.complete(conversations, decoding.max_output_tokens, receive, sampled)
        finally:
            batch.flush()
        return [batch.all[index] for index in range(len(requests))]

    def _ask(self, request: Request) -> str:
        return self._question.ask(request.text, request.source, request.target)

    def _hypothesis(self, request: Request, answer: Answer) -> Hypothesis:
        text, failure = self._read(request, answer)
        tokens = (answer.prompt_tokens, answer.answer_tokens)
        return Hypothesis(text, None, 0.0, failure, tokens)

    @staticmethod
    def _read(request: Request, answer: Answer) -> tuple[str | None, FailureReason | None]:
        if answer.text is None:
            return None, _FAILURES.get(answer.failure or "", FailureReason.ENDPOINT_ERROR)
        if answer.cut:
            return None, FailureReason.OUTPUT_LIMIT
        return read_reply(answer.text, request.text, request.source, request.target)


class _Batch:
    """Hypotheses that are handed on a few at a time: a write to the cache for each would take longer."""

    def __init__(self, done: Done | None) -> None:
        self._done, self.all = done, dict[int, Hypothesis]()
        self._waiting: list[int] = []
        self._since = time.monotonic()

    def add(self, index: int, hypothesis: Hypothesis) -> None:
        self.all[index] = hypothesis
        self._waiting.append(index)
        if len(self._waiting) >= _FLUSHED or time.monotonic() - self._since >= _LONGEST:
            self.flush()

    def flush(self) -> None:
        places, self._waiting = self._waiting, []
        self._since = time.monotonic()
        if self._done and places:
            self._done(places, [self.all[index] for index in places])
