"""The temporary Prefect server of a run without PREFECT_API_URL: out of reach of the terminal's signals."""

from __future__ import annotations

import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import httpx
import prefect
from prefect import tags
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    FlowRunFilterTags,
)
from prefect.client.schemas.objects import StateType
from prefect.events.worker import EventsWorker
from prefect.exceptions import PrefectException
from prefect.logging.handlers import APILogWorker
from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import PREFECT_API_URL, get_current_settings
from prefect.states import Crashed

from mlc_data.core.stopping import at_second_signal
from mlc_data.errors import MlcDataError, first_line

from .lost_server import is_answering

log = logging.getLogger("mlc_data.flows")

_DRAIN_SECONDS = 10.0
_UNFINISHED = [StateType.SCHEDULED, StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]

_ERROR = re.compile(r"[\w.]+(?:Error|Exception): ")
"""Begins the line of a traceback that says what is wrong."""


class _ServerInOwnSession(SubprocessASGIServer):
    """Prefect's temporary server in a session of its own.

    A terminal sends Ctrl-C to its whole foreground group. Without the session the server would end at once, and
    the run could not report that it stopped: each report would be retried for minutes.
    """

    def _run_uvicorn_command(self) -> subprocess.Popen[Any]:
        own = {
            "PREFECT_UI_ENABLED": "0",
            "PREFECT__SERVER_EPHEMERAL": "1",
            "PREFECT__SERVER_FINAL": "1",
        }
        with self.log_file.open("wb") as log_file:
            return self._start(log_file, own)

    def _start(self, log_file: BinaryIO, own: Mapping[str, str]) -> subprocess.Popen[Any]:
        return subprocess.Popen(
            [
                *[sys.executable, "-m", "uvicorn", "--app-dir", str(Path(prefect.__file__).parent)],
                *["--factory", "prefect.server.api.server:create_app"],
                *["--host", "127.0.0.1", "--port", str(self.port)],
                *["--log-level", "error", "--lifespan", "on"],
            ],
            env={
                **os.environ,
                **own,
                **get_current_settings().to_environment_variables(exclude_unset=True),
            },
            stdout=log_file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    @property
    def log_file(self) -> Path:
        """File with the server's own output, which would tear the terminal's view apart."""
        home = get_current_settings().home
        home.mkdir(parents=True, exist_ok=True)
        return home / "mlc-data-server.log"

    def has_ended(self) -> bool:
        """Return whether the server has ended; it is not started again."""
        process = self.server_process
        return process is not None and process.poll() is not None

    def kill(self) -> None:
        """End the server at once."""
        if self.server_process:
            self.server_process.kill()


@contextmanager
def temporary_server() -> Iterator[Callable[[], bool]]:
    """Start the temporary server, and stop it once everything is reported to it; none if a server is named.

    Yields a function that returns whether the temporary server has ended by itself.

    However the context ends, no flow run of this process is left unfinished on the server, nor any of an earlier
    process of this machine that was killed.
    """
    if PREFECT_API_URL.value():
        yield lambda: False
        return
    server = _ServerInOwnSession()
    # Prefect asks this registry for the server that a process has.
    SubprocessASGIServer._instances[None] = server
    answers = False
    with at_second_signal(server.kill):
        try:
            _start(server)
            answers = True
            _end_runs_of_killed_processes()
            with tags(_tag(os.getpid())):
                yield server.has_ended
        except BaseException:
            if answers and is_answering():
                _end_runs(_tag(os.getpid()))
            raise
        finally:
            # Both send what they have from threads of their own; after the server they would retry for minutes.
            APILogWorker.drain_all(timeout=_DRAIN_SECONDS)
            EventsWorker.drain_all(timeout=_DRAIN_SECONDS)
            server.stop()


def _start(server: _ServerInOwnSession) -> None:
    try:
        server.start()
    except RuntimeError as error:  # Prefect's, for a server that does not answer in time
        reason, advice = explain_output(server.log_file.read_text(errors="replace"))
        raise MlcDataError(
            f"the temporary Prefect server did not start: {reason or first_line(error)} Its output is in "
            f"{server.log_file}. {advice}, or start a server of your own (docs/operations.md)"
        ) from error


def explain_output(output: str) -> tuple[str, str]:
    """Return the last error in a server's output, empty if there is none, and what to do."""
    errors = [line for line in output.splitlines() if _ERROR.match(line)]
    reason = f"{errors[-1]}." if errors else ""
    if "Can't locate revision" in reason:
        advice = (
            f"The database in {get_current_settings().home} was made by another version of Prefect: name another "
            "folder in PREFECT_HOME"
        )
        return reason, advice
    return reason, "Run the same command again"


def _tag(pid: int) -> str:
    return f"process:{socket.gethostname()}:{pid}"


def _end_runs_of_killed_processes() -> None:
    with _reported_errors(), get_client(sync_client=True) as client:
        here = _tag(0).removesuffix("0")
        found = {tag for run in _unfinished(client) for tag in run.tags if tag.startswith(here)}
        gone = [tag for tag in found if not _is_running(int(tag.removeprefix(here)))]
    for tag in gone:
        _end_runs(tag)


def _end_runs(tag: str) -> None:
    with _reported_errors(), get_client(sync_client=True) as client:
        for run in _unfinished(client, tag):
            client.set_flow_run_state(
                run.id, Crashed(message="The process was stopped."), force=True
            )


def _unfinished(client: SyncPrefectClient, *tagged: str) -> list[Any]:
    wanted = FlowRunFilter(
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=_UNFINISHED)),
        tags=FlowRunFilterTags(all_=list(tagged)) if tagged else None,
    )
    return list(client.read_flow_runs(flow_run_filter=wanted))


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


@contextmanager
def _reported_errors() -> Iterator[None]:
    try:
        yield
    except (httpx.HTTPError, PrefectException) as error:
        log.warning("the temporary server does not show how runs ended: %s", first_line(error))
