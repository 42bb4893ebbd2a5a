"""Conversations to an OpenAI-compatible endpoint: patience with it, and silence about the key."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import httpx

from mlc_data.errors import UsageError
from mlc_data.evaluate.judges.base import shortened

log = logging.getLogger(__name__)

KEY = "evaluate.judges"
_PATH = "/chat/completions"
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_FIRST_WAIT, _LONGEST_BACK_OFF = 1.0, 60.0  # seconds
_AGAIN = (408, 425, 429)  # and every 5xx
_HOPELESS = {
    401: "the key is missing or not accepted",
    403: "the key may not use this model",
    404: "there is no such path or model",
    405: "this is no chat-completions endpoint",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a text, or why there is none."""

    text: str | None
    failure: str | None = None
    """``http_status``, ``connection``, ``timeout``, ``too_long`` or ``unreadable_answer``."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class _Again:
    """A failure that may pass."""

    failure: str
    detail: str
    after: float = 0.0
    """Seconds that the endpoint asks for."""


class _StoppedError(Exception):
    """Another request has found that there is no use in going on."""


class _Secret:
    """A text that is in no ``repr``, so in no log line and no traceback with variables."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "***"

    def struck_from(self, text: str) -> str:
        """``text`` without it: an endpoint may send back what it was sent."""
        return text.replace(self._text, "***") if self._text else text

    def header(self) -> dict[str, str]:
        """The request header that carries it; none if it is empty."""
        return {"Authorization": f"Bearer {self._text}"} if self._text else {}


class ChatClient:
    """Sends conversations, several at a time, and tries again where that may help.

    A status 408, 425, 429 or 5xx, a connection that fails or breaks and a time-out are tried again
    after 1, 2, 4, ... seconds (at most 60), or after as long as ``Retry-After`` says.

    Args:
        url: where the API begins, such as ``https://host/v1``.
        model: its name there.
        key_variable: environment variable that holds the key; None sends none.
        at_once: most requests at a time (>= 1).
        timeout: seconds to wait for a connection, and for each piece of an answer.
        tries: most times that a request is sent (>= 1).
        longest_wait: most seconds that ``Retry-After`` may ask for; a request that would have to
            wait longer fails.
        key: the recipe's key, named in errors.
        pause: waits so many seconds; returns whether to stop. For tests.

    Raises:
        UsageError: the URL is none, or holds a name, password or query; the variable is not set or
            its value cannot be a key.
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
        key: str = KEY,
        pause: Callable[[float], bool] | None = None,
    ) -> None:
        self.url, self.model = _checked(url, key), model
        self._secret = _secret(key_variable, key)
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
        """Close its connections."""
        self._http.close()

    def complete(
        self, conversations: Sequence[Sequence[Mapping[str, str]]], max_tokens: int
    ) -> list[Answer]:
        """The answer to each conversation, in order, at temperature 0.

        Raises:
            UsageError: a status 401, 403, 404, 405 or a redirection, which would come every time.
        """
        stop = Event()

        def ask(messages: Sequence[Mapping[str, str]]) -> Answer:
            return self._ask(messages, max_tokens, stop)

        with ThreadPoolExecutor(self._at_once) as workers:
            try:
                return self._gathered([workers.submit(ask, one) for one in conversations])
            except BaseException:
                stop.set()
                workers.shutdown(wait=False, cancel_futures=True)
                raise

    @staticmethod
    def _gathered(futures: Sequence[Any]) -> list[Answer]:
        from concurrent.futures import FIRST_EXCEPTION, wait

        # Not in order: the first error ends everything, whichever request meets it.
        done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
        return [future.result() for future in futures]

    def _ask(self, messages: Sequence[Mapping[str, str]], max_tokens: int, stop: Event) -> Answer:
        body = {
            "model": self.model,
            "messages": list(messages),
            "temperature": 0,
            "max_tokens": max_tokens,
        }
        for number in range(1, self._tries + 1):
            if stop.is_set():
                raise _StoppedError
            found = self._once(body)
            if isinstance(found, Answer):
                return found
            last = number == self._tries
            if last or found.after > self._longest_wait:
                tried = f"{found.detail}, tried {number} times"
                asked = f"; it asks for {found.after:.0f} seconds" if not last else ""
                return Answer(None, found.failure, tried + asked)
            back_off = min(_FIRST_WAIT * 2 ** (number - 1), _LONGEST_BACK_OFF)
            # Spread, so that requests that failed together do not come back together.
            seconds = max(found.after, back_off * random.uniform(0.5, 1.0))
            log.debug("%s: %s; again in %.1f s", self.url, found.detail, seconds)
            if (self._pause or stop.wait)(seconds):
                raise _StoppedError
        raise AssertionError("tries is at least 1")

    def _once(self, body: Mapping[str, Any]) -> Answer | _Again:
        try:
            response = self._http.post(self.url, json=body)
        except httpx.TimeoutException as error:
            return _Again("timeout", type(error).__name__)
        except httpx.RequestError as error:
            return _Again("connection", type(error).__name__)
        status = response.status_code
        if status in _HOPELESS or response.is_redirect:
            raise UsageError(self._hopeless(response))
        if status in _AGAIN or response.is_server_error:
            return _Again("http_status", f"HTTP {status}", _retry_after(response))
        if not response.is_success:
            return self._refused(response)
        return self._read(response)

    def _read(self, response: httpx.Response) -> Answer:
        try:
            choice = response.json()["choices"][0]
            text = choice["message"]["content"]
            ended = choice.get("finish_reason")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return Answer(None, "unreadable_answer", "the response is no chat completion")
        if not isinstance(text, str):
            detail = f"the response has no text (finish_reason {ended})"
            return Answer(None, "unreadable_answer", shortened(self._secret.struck_from(detail)))
        return Answer(self._secret.struck_from(text))

    def _refused(self, response: httpx.Response) -> Answer:
        """A request that the endpoint does not take, as it would not the next time."""
        said, code = self._error(response)
        detail = shortened(f"HTTP {response.status_code} {said}")
        too_long = response.status_code == 413 or code == "context_length_exceeded"
        return Answer(None, "too_long" if too_long else "http_status", detail)

    def _hopeless(self, response: httpx.Response) -> str:
        status = response.status_code
        where = f"{self._key}: {self.url} answers {status} for model {self.model!r}"
        if response.is_redirect:
            return f"{where}: it has moved; name the address where it is now"
        variable = self._key_variable or "none is named in key_variable"
        hint = f" (key_variable: {variable})" if status in (401, 403) else ""
        return shortened(f"{where}: {_HOPELESS[status]}{hint}. {self._error(response)[0]}", 500)

    def _error(self, response: httpx.Response) -> tuple[str, str | None]:
        """Message and code of an error, as OpenAI writes it; as much as is there, without the key."""
        try:
            found = response.json()["error"]
            said, code = str(found["message"]), found.get("code")
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return "", None
        return self._secret.struck_from(said), code if isinstance(code, str) else None


def _checked(url: str, key: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{key}: url has to begin with https:// or http:// and name a host")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        # Not repeated here: what is in it may be secret.
        raise UsageError(
            f"{key}: url holds a name, a password, a query or a fragment, and would be stored with "
            "the run: put the key into an environment variable and name that in key_variable"
        )
    bare = url.rstrip("/")
    return bare if bare.endswith(_PATH) else bare + _PATH


def _secret(variable: str | None, key: str) -> _Secret:
    if variable is None:
        return _Secret("")
    found = os.environ.get(variable, "").strip()
    if not found:
        raise UsageError(f"{key}: the environment variable {variable} is not set or empty")
    if not all("!" <= character <= "~" for character in found):
        raise UsageError(
            f"{key}: the environment variable {variable} holds blanks or characters beyond ASCII, "
            "which no key has"
        )
    return _Secret(found)


def _retry_after(response: httpx.Response) -> float:
    """Seconds from the header, which is a number or a date; 0 without one (RFC 9110, 10.2.3)."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return 0.0
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
