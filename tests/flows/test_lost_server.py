"""Errors of a flow whose server does not answer: the stage's own, the user's stop, or one about the server."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from support import free_port

from mlc_data.errors import MlcDataError, UsageError

pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def logging_is_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a lost server changes for the rest of a process ends with the test."""
    from flows import lost_server

    monkeypatch.setattr(logging, "raiseExceptions", logging.raiseExceptions)
    for name in lost_server._SENDERS:
        monkeypatch.setattr(logging.getLogger(name), "filters", [])


@pytest.fixture
def gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not answer."""
    from flows import lost_server

    monkeypatch.setattr(lost_server, "_problem", lambda: httpx.ConnectError("refused"))


def hidden(own: BaseException) -> None:
    """Raise Prefect's error while an error is handled."""
    try:
        raise own
    except (UsageError, KeyboardInterrupt):
        raise httpx.ConnectError("All connection attempts failed")  # noqa: B904


@pytest.mark.usefixtures("gone")
def test_prefect_s_error_says_what_to_do() -> None:
    from flows.lost_server import ServerLostError, lost_server_explained

    with (
        pytest.raises(ServerLostError, match=r"stopped answering \(refused\); .* resumes"),
        lost_server_explained(),
    ):
        raise httpx.ConnectError("All connection attempts failed")


@pytest.mark.usefixtures("gone")
@pytest.mark.parametrize("own", [UsageError("no such file"), KeyboardInterrupt()], ids=repr)
def test_what_it_hides_is_raised(own: BaseException) -> None:
    from flows.lost_server import lost_server_explained

    with pytest.raises(type(own)) as raised, lost_server_explained():
        hidden(own)
    assert raised.value is own


@pytest.mark.usefixtures("gone")
def test_an_error_of_ours_asks_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    from flows import lost_server

    monkeypatch.setattr(lost_server, "_problem", lambda: pytest.fail("asked"))
    with pytest.raises(MlcDataError, match="mine"), lost_server.lost_server_explained():
        raise MlcDataError("mine")


def test_while_the_server_answers_errors_are_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    from flows import lost_server

    monkeypatch.setattr(lost_server, "_problem", lambda: None)
    with pytest.raises(KeyError, match="a bug"), lost_server.lost_server_explained():
        raise KeyError("a bug")


def test_prefect_s_many_records_become_one(caplog: pytest.LogCaptureFixture) -> None:
    from flows.lost_server import lost_server_explained

    with caplog.at_level(logging.WARNING), lost_server_explained():
        for _ in range(3):
            logging.getLogger("prefect.events.clients").warning("Unable to connect")
    assert "Unable to connect" not in caplog.text
    assert caplog.text.count("does not take what is sent to it") == 1


@pytest.fixture
def client() -> Iterator[Any]:
    """A client that was connected once, to a port where nothing listens any more."""
    from prefect.client.base import PrefectHttpxSyncClient

    with PrefectHttpxSyncClient(base_url=f"http://127.0.0.1:{free_port()}") as made:
        made._has_connected = True
        yield made


def test_a_server_that_has_ended_is_not_asked_again(client: Any) -> None:
    from flows.lost_server import ServerLostError, lost_server_explained

    with pytest.raises(ServerLostError), lost_server_explained(lambda: True):
        client.get("/health")


@pytest.mark.usefixtures("gone")
def test_after_one_request_in_vain_no_other_is_tried_again(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from prefect.client import base

    from flows.lost_server import ServerLostError, lost_server_explained

    waits: list[float] = []
    monkeypatch.setattr(base, "time", SimpleNamespace(sleep=waits.append))
    with pytest.raises(ServerLostError), lost_server_explained():
        with pytest.raises(httpx.ConnectError):
            client.get("/health")
        tried = len(waits)
        assert tried > 0
        try:
            client.get("/health")
        finally:
            assert len(waits) == tried
