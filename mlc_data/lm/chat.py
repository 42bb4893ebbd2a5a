"""Client of OpenAI-compatible chat-completions endpoints: bounded concurrency, retries, a secret key."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mlc_data.core.redaction import Secret, shortened
from mlc_data.core.retry import TRANSIENT, retry_after
from mlc_data.errors import UsageError

if TYPE_CHECKING:  # imported where they are used: every command imports this file
    import httpx
    import tenacity

log = logging.getLogger(__name__)

_PATH = "/chat/completions"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_FIRST_WAIT, _LONGEST_BACK_OFF = 1.0, 60.0  # seconds
_PERMANENT = {
    401: "the key is missing or not accepted",
    403: "the key may not use this model",
    404: "there is no such path or model",
    405: "this is not a chat-completions endpoint",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's text, or the reason why there is none."""

    text: str | None
    failure: str | None = None
    """``http_status``, ``connection``, ``timeout``, ``too_long`` or ``unreadable_answer``."""
    detail: str = ""
    cut: bool = False
    """True if the answer ends at ``max_tokens``."""
    prompt_tokens: int = 0
    """Tokens of the question, as far as the endpoint says."""
    answer_tokens: int = 0
    """Tokens of the answer."""
    reasoning: str = ""
    """Reasoning that the endpoint gives apart from the text (`reasoning_content`, or `reasoning`); there may be one
    without a text, if the answer ends within it."""


class _TransientError(Exception):
    """A failure that may pass; ``after`` is the wait in seconds that the endpoint asks for."""

    def __init__(self, failure: str, detail: str, after: float = 0.0) -> None:
        super().__init__(detail)
        self.failure, self.detail, self.after = failure, detail, after


class _StoppedError(Exception):
    """Another request failed for good, so this one stops too."""


class ChatClient:
    """Sends conversations, several at a time, and retries failures that may pass.

    A status 408, 425, 429 or 5xx, a failing connection and a time-out are retried after 1, 2, 4, ... seconds
    (at most 60), or after as long as ``Retry-After`` says.

    Args:
        url: base address of the API, such as ``https://host/v1``.
        model: its name there.
        key_variable: environment variable with the key; None sends none.
        at_once: largest number of requests at a time (>= 1).
        timeout: seconds to wait for a connection, and for each part of a response.
        tries: largest number of times that a request is sent (>= 1).
        longest_wait: largest ``Retry-After`` in seconds; a request that would wait longer fails.
        key: the recipe's key, named in errors.
        pause: waits for the given seconds and returns whether to stop; for tests.

    Raises:
        UsageError: the URL is invalid or contains credentials or a query; or the variable is not set or is not
            a key.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key_variable: str | None = None,
        at_once: int = 4,
        timeout: float = 60.0,
        tries: int = 5,
        longest_wait: float = 300.0,
        key: str = "evaluate.judges",
        pause: Callable[[float], bool] | None = None,
    ) -> None:
        import httpx

        self.url, self.model = _endpoint(url, key), model
        self._secret = _read_key(key_variable, key)
        self._key, self._key_variable = key, key_variable
        self._at_once, self._tries, self._longest_wait = at_once, tries, longest_wait
        self._pause = pause
        limits = httpx.Limits(max_connections=at_once)
        self._http = httpx.Client(timeout=timeout, limits=limits, headers=self._secret.header())
        parts = urlsplit(self.url)
        if key_variable and parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            log.warning("%s: the key goes to %s unencrypted: use https", key, parts.hostname)

    def __repr__(self) -> str:
        return f"ChatClient({self.url!r}, {self.model!r})"

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def complete(
        self,
        conversations: Sequence[Sequence[Mapping[str, str]]],
        max_tokens: int,
        done: Callable[[int, Answer], None] | None = None,
        sampling: Sequence[Mapping[str, float]] | None = None,
    ) -> list[Answer]:
        """Return the answer to each conversation, in order, at temperature 0.

        ``done`` is called with the index of each conversation and its answer, as soon as it is there. ``sampling``
        has fields of each request that sample its answer, such as ``temperature`` and ``seed``.

        Raises:
            UsageError: a status 401, 403, 404, 405 or a redirection, which every request would meet.
        """
        stop = Event()
        with ThreadPoolExecutor(self._at_once) as workers:
            request = partial(self._request, max_tokens=max_tokens, stop=stop)
            drawn = sampling or [{}] * len(conversations)
            futures = [
                workers.submit(request, messages, each)
                for messages, each in zip(conversations, drawn, strict=True)
            ]
            try:
                # Not in order: the first error ends everything, whichever request meets it.
                places = {future: index for index, future in enumerate(futures)}
                for future in as_completed(futures):
                    answer = future.result()
                    if done:
                        done(places[future], answer)
                return [future.result() for future in futures]
            except BaseException:
                stop.set()
                workers.shutdown(wait=False, cancel_futures=True)
                raise

    def _request(
        self,
        messages: Sequence[Mapping[str, str]],
        sampling: Mapping[str, float],
        max_tokens: int,
        stop: Event,
    ) -> Answer:
        limits = {"temperature": 0, "max_tokens": max_tokens}
        body = {"model": self.model, "messages": list(messages), **limits, **sampling}

        def sleep(seconds: float) -> None:
            if (self._pause or stop.wait)(seconds):
                raise _StoppedError

        import tenacity

        def send() -> Answer:
            if stop.is_set():
                raise _StoppedError
            return self._send(body)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_TransientError),
            stop=self._is_last_try,
            wait=_back_off,
            sleep=sleep,
            before_sleep=lambda state: log.debug("%s: %s; retrying", self.url, _failure(state)),
            retry_error_callback=self._give_up,
        )
        answer: Answer = retrying(send)
        return answer

    def _send(self, body: Mapping[str, Any]) -> Answer:
        import httpx

        try:
            response = self._http.post(self.url, json=body)
        except httpx.TimeoutException as error:
            raise _TransientError("timeout", type(error).__name__) from None
        except httpx.RequestError as error:
            raise _TransientError("connection", type(error).__name__) from None
        status = response.status_code
        if status in _PERMANENT or response.is_redirect:
            raise UsageError(self._permanent_error(response))
        if status in TRANSIENT or response.is_server_error:
            after = retry_after(response.headers.get("Retry-After"))
            raise _TransientError("http_status", f"HTTP {status}", after)
        return self._read(response) if response.is_success else self._rejected(response)

    def _is_last_try(self, state: tenacity.RetryCallState) -> bool:
        return state.attempt_number >= self._tries or _failure(state).after > self._longest_wait

    def _give_up(self, state: tenacity.RetryCallState) -> Answer:
        error, tried = _failure(state), state.attempt_number
        detail = f"{error.detail}, tried {tried} times"
        if tried < self._tries:
            detail += f"; it asks to wait {error.after:.0f} seconds"
        return Answer(None, error.failure, detail)

    def _read(self, response: httpx.Response) -> Answer:
        try:
            body = response.json()
            choice = body["choices"][0]
            message = choice["message"]
            reasoning = self._secret.removed_from(_reasoning(message))
            text = message.get("content") if reasoning else message["content"]
            reason = choice.get("finish_reason")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return Answer(None, "unreadable_answer", "the response is not a chat completion")
        usage = body.get("usage")
        tokens = [_count(usage, name) for name in ("prompt_tokens", "completion_tokens")]
        rest = (reason == "length", *tokens, reasoning)
        if not isinstance(text, str):
            detail = f"the response has no text (finish_reason {reason})"
            detail = shortened(self._secret.removed_from(detail))
            return Answer(None, "unreadable_answer", detail, *rest)
        return Answer(self._secret.removed_from(text), None, "", *rest)

    def _rejected(self, response: httpx.Response) -> Answer:
        """Return the failure of a request that the endpoint would reject again."""
        message, code = self._error(response)
        detail = shortened(f"HTTP {response.status_code} {message}")
        too_long = response.status_code == 413 or code == "context_length_exceeded"
        return Answer(None, "too_long" if too_long else "http_status", detail)

    def _permanent_error(self, response: httpx.Response) -> str:
        status = response.status_code
        where = f"{self._key}: {self.url} answers {status} for model {self.model!r}"
        if response.is_redirect:
            return f"{where}: it has moved; name its new address"
        variable = self._key_variable or "none is named in key_variable"
        hint = f" (key_variable: {variable})" if status in (401, 403) else ""
        return shortened(f"{where}: {_PERMANENT[status]}{hint}. {self._error(response)[0]}", 500)

    def _error(self, response: httpx.Response) -> tuple[str, str | None]:
        """Return message and code of an error in OpenAI's format, as far as it has them, without the key."""
        try:
            error = response.json()["error"]
            message, code = str(error["message"]), error.get("code")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return "", None
        return self._secret.removed_from(message), code if isinstance(code, str) else None


def _reasoning(message: Any) -> str:
    """Return the reasoning beside a message's content: vLLM and others name it so or so."""
    named = (message.get(name) for name in ("reasoning_content", "reasoning"))
    return next((text for text in named if isinstance(text, str) and text), "")


def _count(usage: Any, name: str) -> int:
    """Return a count of tokens that the endpoint reports; 0 where it reports none."""
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if isinstance(value, int) and value >= 0 else 0


def _failure(state: tenacity.RetryCallState) -> _TransientError:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, _TransientError) else _TransientError("connection", "")


def _back_off(state: tenacity.RetryCallState) -> float:
    back_off: float = min(_FIRST_WAIT * 2 ** (state.attempt_number - 1), _LONGEST_BACK_OFF)
    # At random, so that requests that failed together are not retried together.
    return max(_failure(state).after, back_off * random.uniform(0.5, 1.0))


def _endpoint(url: str, key: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{key}: url has to begin with https:// or http:// and name a host")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        # Not repeated here: it may contain a secret.
        raise UsageError(
            f"{key}: url contains a name, a password, a query or a fragment, and would be stored with "
            "the run: put the key into an environment variable and name that in key_variable"
        )
    bare = url.rstrip("/")
    return bare if bare.endswith(_PATH) else bare + _PATH


def _read_key(variable: str | None, key: str) -> Secret:
    if variable is None:
        return Secret("")
    text = os.environ.get(variable, "").strip()
    if not text:
        raise UsageError(f"{key}: the environment variable {variable} is not set or empty")
    if not all("!" <= character <= "~" for character in text):
        raise UsageError(
            f"{key}: the environment variable {variable} contains blanks or characters beyond ASCII, "
            "which no key has"
        )
    return Secret(text)
