"""Prefect server that is gone in the middle of a run: one message, and no waiting for what cannot be sent any more."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

import httpx
from prefect.client.base import PrefectHttpxAsyncClient, PrefectHttpxSyncClient
from prefect.client.orchestration import get_client
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL

from mlc_data.core.stopping import HOW_TO_GO_ON
from mlc_data.errors import MlcDataError, first_line

log = logging.getLogger("mlc_data.flows")

_SENDERS = (
    "prefect.events.clients",
    "prefect._internal.concurrency",
    "EventsWorker",
    "APILogWorker",
)
"""Loggers of Prefect's threads that send events and log lines: one record for each piece that they cannot send."""


class ServerLostError(MlcDataError):
    """The Prefect server stopped answering in the middle of a run."""


def is_answering() -> bool:
    """Return whether the server that this process uses answers."""
    return _problem() is None


@contextmanager
def lost_server_explained(is_gone: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Turn what Prefect raises once its server is gone into one error; log a server that does not answer once.

    Prefect tries each request again for a minute, so that a server may be restarted. Once one has been tried in vain,
    or the server is known to be gone, no other is tried again. An error of a stage, or a stop by the user, is raised
    as it is: Prefect hides it behind its own, for it cannot report it either.

    Args:
        is_gone: returns whether the server has ended and will not come back.

    Raises:
        ServerLostError: the server does not answer any more.
    """
    with _said_once() as once, _tried_again_once(is_gone):
        try:
            yield
        except ServerLostError as error:
            once.logged = True
            discard_unsent()
            raise (_cause(error) or error) from None
        except MlcDataError:
            raise
        except Exception as error:
            if (problem := _problem()) is None:
                raise
            once.logged = True
            discard_unsent()
            raise (_cause(error) or _lost(problem)) from None


@contextmanager
def _tried_again_once(is_gone: Callable[[], bool]) -> Iterator[None]:
    """Let requests fail at once, as long as the server does not answer, after one was tried again in vain."""
    lost = False

    def at_once(error: httpx.TransportError) -> httpx.TransportError | ServerLostError:
        return _lost(error) if lost or is_gone() else error

    def send_sync(self: Any, request: Any, send: Any, *rest: Any, **named: Any) -> Any:
        nonlocal lost

        def attempt(*given: Any, **kwargs: Any) -> Any:
            try:
                return send(*given, **kwargs)
            except httpx.TransportError as error:
                raise at_once(error) from error

        try:
            return sync(self, request, attempt, *rest, **named)
        except httpx.TransportError:
            lost = True
            raise

    async def send_async(self: Any, request: Any, send: Any, *rest: Any, **named: Any) -> Any:
        nonlocal lost

        async def attempt(*given: Any, **kwargs: Any) -> Any:
            try:
                return await send(*given, **kwargs)
            except httpx.TransportError as error:
                raise at_once(error) from error

        try:
            return await asynchronous(self, request, attempt, *rest, **named)
        except httpx.TransportError:
            lost = True
            raise

    sync = PrefectHttpxSyncClient._send_with_retry
    asynchronous = PrefectHttpxAsyncClient._send_with_retry
    kinds: tuple[tuple[Any, Any, Any], ...] = (
        (PrefectHttpxSyncClient, send_sync, sync),
        (PrefectHttpxAsyncClient, send_async, asynchronous),
    )
    for kind, ours, _ in kinds:
        kind._send_with_retry = ours
    try:
        yield
    finally:
        for kind, _, theirs in kinds:
            kind._send_with_retry = theirs


def discard_unsent() -> None:
    """Discard the events and log lines that wait for the server; each would be tried for seconds."""
    # The registry is one for all of Prefect's senders.
    for sender in list(cast(Any, EventsWorker)._instances.values()):
        with suppress(queue.Empty):
            while True:
                sender._queue.get_nowait()


def _problem() -> Exception | None:
    with get_client(sync_client=True) as client:
        return client.api_healthcheck()


def _lost(problem: Exception) -> ServerLostError:
    return ServerLostError(
        f"the Prefect server{_where()} stopped answering ({first_line(problem)}); {HOW_TO_GO_ON}"
    )


def _cause(error: BaseException) -> BaseException | None:
    """Return the error of a stage, or the stop, that an error hides; None if there is none."""
    at: BaseException | None = error
    while at is not None:
        ours = isinstance(at, MlcDataError) and not isinstance(at, ServerLostError)
        if ours or isinstance(at, KeyboardInterrupt | SystemExit):
            return at
        at = at.__context__ or at.__cause__
    return None


def _where() -> str:
    url = PREFECT_API_URL.value()
    return f" at {url}" if url else ""


class _Once(logging.Filter):
    """Replace all records of the senders by one line of ours."""

    logged = False

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        if not self.logged:
            self.logged = True
            log.warning(
                "the Prefect server%s does not take what is sent to it, and will not show all of this run",
                _where(),
            )
        return False


@contextmanager
def _said_once() -> Iterator[_Once]:
    """Let Prefect's senders say once that they cannot send; afterwards they stay silent, until the process ends."""
    once, shown = _Once(), logging.raiseExceptions
    # Prefect's log handler writes to the terminal itself, unless the process shows no errors of logging.
    logging.raiseExceptions = False
    loggers = [logging.getLogger(name) for name in _SENDERS]
    for logger in loggers:
        logger.addFilter(once)
    try:
        yield once
    finally:
        if not once.logged:
            for logger in loggers:
                logger.removeFilter(once)
            logging.raiseExceptions = shown
