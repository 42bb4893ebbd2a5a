"""Calls to the Hub, with retries, and errors that say what to do and show no token."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TypeVar

import tenacity
from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError, OfflineModeIsEnabled

from mlc_data.core.retry import TRANSIENT, retry_after
from mlc_data.errors import MlcDataError, UsageError, is_disk_full, whole_message

log = logging.getLogger(__name__)

T = TypeVar("T")

ATTEMPTS = 5
"""Tries of a call, around the client's own retries of uploads."""

_FIRST_WAIT, _LONGEST_WAIT = 1.0, 300.0  # seconds; doubled each time
# The client's own HTTP library (httpx, later httpx2) has one base class for all its errors.
_HTTP_ERROR: type[Exception] = next(
    base for base in HfHubHTTPError.__mro__ if base.__name__ == "HTTPError"
)
# LFS uploads wrap errors in a RuntimeError; a card that is refused is a ValueError.
_RAISED = (_HTTP_ERROR, OSError, RuntimeError, ValueError)

_HINTS = {
    401: "log in with `hf auth login`, or set HF_TOKEN to a token that may write there",
    403: "the token may not write there: make one with write access to it",
    404: "it does not exist, or the token may not see it",
    409: "somebody else is changing it; publish again",
    412: "somebody else has changed it meanwhile; look at their change and publish again",
}


class HubError(MlcDataError):
    """The Hub did not do what was asked; nothing was published by that call."""


def call_hub(
    action: str, work: Callable[[], T], token: str | None = None, attempts: int = ATTEMPTS
) -> T:
    """Call ``work``, again after errors that may pass; ``Retry-After`` is honored up to 300 seconds.

    Args:
        action: for logs and errors, such as ``publishing to org/name``.
        work: called again for each try.
        token: removed from every message.
        attempts: most tries (>= 1).

    Raises:
        HubError: it failed in a way that a retry does not change, or too often.
        UsageError: there is no token, the Hub is switched off, or the repository's name is invalid.
    """

    def warn(state: tenacity.RetryCallState) -> None:
        log.warning(
            "%s: %s; trying again in %.0f s (%d of %d)",
            action, plain(_http_error(_error(state)) or _error(state), token),
            state.upcoming_sleep, state.attempt_number, attempts - 1,
        )  # fmt: skip

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_is_transient),
        stop=tenacity.stop_after_attempt(attempts),
        wait=_wait,
        before_sleep=warn,
        reraise=True,
    )
    try:
        return retrying(work)
    except (LocalTokenNotFoundError, OfflineModeIsEnabled) as error:
        raise UsageError(f"{action}: {plain(error, token)}") from None
    except _RAISED as error:
        if is_disk_full(error):
            raise
        cause = _http_error(error)
        reported = error if isinstance(error, ValueError) else cause or error
        message = _message(action, reported, token, retrying.statistics["attempt_number"])
        # A server's response is left out as a cause: it may repeat the token.
        raise HubError(message) from (None if cause else error)


def plain(error: BaseException, token: str | None) -> str:
    """Return an error's whole message on one line, without the token."""
    text = whole_message(error)
    return text.replace(token, "<token>") if token else text


def _message(action: str, error: Exception, token: str | None, attempts: int) -> str:
    tries = f" ({attempts} times)" if attempts > 1 else ""
    hint = _HINTS.get(_status(error) or 0)
    return f"{action} failed{tries}: {plain(error, token)}" + (f": {hint}" if hint else "")


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, (LocalTokenNotFoundError, OfflineModeIsEnabled, MlcDataError)):
        return False
    return _http_error(error) is not None and _status(error) in {None, *TRANSIENT}


def _wait(state: tenacity.RetryCallState) -> float:
    response = getattr(_http_error(_error(state)), "response", None)
    requested = retry_after(response.headers.get("Retry-After")) if response is not None else 0.0
    return min(requested or _FIRST_WAIT * 2 ** (state.attempt_number - 1), _LONGEST_WAIT)


def _error(state: tenacity.RetryCallState) -> BaseException:
    error = state.outcome.exception() if state.outcome else None
    return error or RuntimeError("unknown error")


def _status(error: BaseException) -> int | None:
    """Return the HTTP status of an error; None if the Hub did not answer."""
    response = getattr(_http_error(error), "response", None)
    return int(response.status_code) if response is not None else None


def _http_error(error: BaseException | None) -> Exception | None:
    """Return the HTTP error that caused ``error``, if any."""
    while error is not None:
        if isinstance(error, _HTTP_ERROR):
            return error
        error = error.__cause__ or error.__context__
    return None
