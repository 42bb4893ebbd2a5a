"""Prefect server that is gone in the middle of a run: one message, and no waiting for what cannot be sent any more."""

from __future__ import annotations

import logging
import queue
from collections.abc import Iterator
from contextlib import contextmanager, suppress

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
def lost_server_explained() -> Iterator[None]:
    """Turn what Prefect raises once its server is gone into one error; log a server that does not answer once.

    An error of a stage, or a stop by the user, is raised as it is: Prefect hides it behind its own, for it cannot
    report it either.

    Raises:
        ServerLostError: the server does not answer any more.
    """
    with _said_once():
        try:
            yield
        except MlcDataError:
            raise
        except Exception as error:
            if (problem := _problem()) is None:
                raise
            discard_unsent()
            if (own := _cause(error)) is not None:
                raise own from None
            raise ServerLostError(
                f"the Prefect server{_where()} stopped answering ({first_line(problem)}); {HOW_TO_GO_ON} once it "
                "answers"
            ) from error


def discard_unsent() -> None:
    """Discard the events and log lines that wait for the server; each would be tried for seconds."""
    # The registry is one for all of Prefect's senders.
    for sender in list(EventsWorker._instances.values()):
        with suppress(queue.Empty):
            while True:
                sender._queue.get_nowait()


def _problem() -> Exception | None:
    with get_client(sync_client=True) as client:
        return client.api_healthcheck()


def _cause(error: BaseException) -> BaseException | None:
    """Return the error of a stage, or the stop, that an error hides; None if there is none."""
    at: BaseException | None = error
    while at is not None:
        if isinstance(at, MlcDataError) or not isinstance(at, Exception):
            return at
        at = at.__cause__ or at.__context__
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
def _said_once() -> Iterator[None]:
    once, shown = _Once(), logging.raiseExceptions
    # Prefect's log handler writes to the terminal itself, unless the process shows no errors of logging.
    logging.raiseExceptions = False
    loggers = [logging.getLogger(name) for name in _SENDERS]
    for logger in loggers:
        logger.addFilter(once)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(once)
        logging.raiseExceptions = shown
