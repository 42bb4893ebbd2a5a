"""Calls to the Hub: tried again where that may help, and errors in words of ours without the token."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled

from mlc_data.errors import MlcDataError, UsageError, is_disk_full

log = logging.getLogger(__name__)

T = TypeVar("T")

_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
# The client's own HTTP library (httpx, later httpx2) has one base for every fault of a connection.
_HTTP_ERROR: type[Exception] = next(
    base for base in HfHubHTTPError.__mro__ if base.__name__ == "HTTPError"
)
# LFS uploads wrap what went wrong in a RuntimeError; a card that is refused is a ValueError.
_RAISED = (_HTTP_ERROR, OSError, RuntimeError, ValueError)

_WAYS_OUT = {
    401: "log in with `hf auth login`, or set HF_TOKEN to a token that may write there",
    403: "the token may not write there: make one with write access to it",
    404: "it is not there, or the token may not see it",
    409: "somebody else is changing it; publish again",
    412: "it was changed by somebody else meanwhile; look at what they did and publish again",
}


class HubError(MlcDataError):
    """The Hub did not do what was asked; nothing was published by that call."""


@dataclass(frozen=True)
class Retry:
    """How often and after which waits a call is tried again.

    The client's library has retries of its own for uploads (five, after 1 to 8 s); these are around
    them. Where the Hub says ``Retry-After``, that is waited, up to ``longest``.
    """

    attempts: int = 5
    first: float = 1.0
    """Seconds before the second try; doubled each time."""
    longest: float = 300.0
    """Seconds at most."""

    def call(self, what: str, work: Callable[[], T], token: str | None = None) -> T:
        """What ``work`` returns.

        Args:
            what: told in logs and errors: ``pushing to org/name``.
            work: called anew for each try.
            token: blotted out of every message.

        Raises:
            HubError: it failed in a way that trying again does not mend, or too often.
            UsageError: there is no token, the Hub is switched off, or the repository's name is none.
        """
        for attempt in range(1, self.attempts + 1):
            try:
                return work()
            except (LocalTokenNotFoundError, OfflineModeIsEnabled) as error:
                raise UsageError(f"{what}: {plain(error, token)}") from None
            except MlcDataError:
                raise
            except _RAISED as error:
                cause = _http_cause(error)
                if cause is None or not _is_transient(cause) or attempt == self.attempts:
                    # A server's answer is left out as a cause: it may echo the token.
                    if is_disk_full(error):
                        raise
                    told = error if isinstance(error, ValueError) else cause or error
                    message = _told(what, told, token, attempt)
                    raise HubError(message) from (None if cause else error)
                wait = self._wait(attempt, cause)
                log.warning(
                    "%s: %s; trying again in %.0f s (%d of %d)",
                    what, plain(cause, token), wait, attempt, self.attempts - 1,
                )  # fmt: skip
                time.sleep(wait)
        raise AssertionError("unreachable")

    def _wait(self, attempt: int, cause: Exception) -> float:
        response = getattr(cause, "response", None)
        asked = response.headers.get("Retry-After", "") if response is not None else ""
        wait = float(asked) if asked.isdigit() else self.first * 2 ** (attempt - 1)
        return min(wait, self.longest)


def plain(error: BaseException, token: str | None) -> str:
    """The first lines of an error's message that say anything, as one, without the token."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = " ".join(lines[:5]) or type(error).__name__
    return text.replace(token, "<token>") if token else text


def status_of(error: BaseException) -> int | None:
    """The HTTP status that an error carries, if the Hub answered at all."""
    response = getattr(_http_cause(error), "response", None)
    return int(response.status_code) if response is not None else None


def _http_cause(error: BaseException | None) -> Exception | None:
    """The fault of HTTP behind an error."""
    while error is not None:
        if isinstance(error, _HTTP_ERROR):
            return error
        error = error.__cause__ or error.__context__
    return None


def _is_transient(cause: Exception) -> bool:
    status = status_of(cause)
    return status is None or status in _TRANSIENT


def _told(what: str, error: Exception, token: str | None, attempts: int) -> str:
    tries = f" ({attempts} times)" if attempts > 1 else ""
    way = _WAYS_OUT.get(status_of(error) or 0)
    return f"{what} failed{tries}: {plain(error, token)}" + (f": {way}" if way else "")
