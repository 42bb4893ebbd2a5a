"""Following a run whose server stumbles: no line twice, none lost, and an end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from mlc_data.flows import trigger
from prefect.client.schemas.filters import FlowRunFilter, LogFilter
from prefect.states import Completed, Failed, Pending, Running, State

from mlc_data.errors import MlcDataError

BEGUN = datetime(2026, 11, 23, 3, tzinfo=UTC)


class Server:
    """A server that answers each question by the next of what it was given; an error is raised."""

    def __init__(self, states: list[State[Any] | Exception], lines: list[tuple[int, str, int]]):
        self.states = states
        self.asked = 0
        self.child = uuid4()
        self.run = uuid4()
        # Second of its time stamp, text, and after which question it has arrived.
        self.lines = [
            SimpleNamespace(
                id=uuid4(),
                timestamp=BEGUN + timedelta(seconds=at),
                message=text,
                level=30 if text.startswith("careful") else 20,
                arrives=arrives,
                name="prefect.task_runs" if text.startswith("Finished") else "mlc_data",
            )
            for at, text, arrives in lines
        ]

    def read_flow_run(self, _run: UUID) -> Any:
        state = self.states[min(self.asked, len(self.states) - 1)]
        self.asked += 1
        if isinstance(state, Exception):
            raise state
        return SimpleNamespace(state=state)

    def read_flow_runs(self, flow_run_filter: FlowRunFilter) -> list[Any]:
        assert flow_run_filter.parent_flow_run_id
        return [SimpleNamespace(id=self.child)]

    def read_logs(self, wanted: LogFilter, limit: int, offset: int) -> list[Any]:
        assert wanted.flow_run_id
        assert wanted.flow_run_id.any_ == [self.run, self.child]
        after = wanted.timestamp.after_ if wanted.timestamp else None
        there = [
            line
            for line in sorted(self.lines, key=lambda line: line.timestamp)
            if line.arrives <= self.asked and (after is None or line.timestamp >= after)
        ]
        return there[offset : offset + limit]


def follow(server: Server) -> tuple[State[Any], list[str]]:
    shown: list[str] = []
    run: Any = SimpleNamespace(id=server.run)
    client: Any = server
    state = trigger._Follower(client, run, "align/fox", shown.append).follow()
    return state, [line.partition("  ")[2] or line for line in shown]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trigger, "POLL_SECONDS", 0)
    monkeypatch.setattr(trigger, "PAGE", 2)


def test_states_and_lines_are_shown_once_in_whatever_order_they_come() -> None:
    running = Running()
    lines = [(0, "a", 2), (1, "b", 2), (2, "c", 2), (30, "f", 3), (21, "e late", 4), (40, "g", 5)]
    away = httpx.ConnectError("refused")
    server = Server([Pending(), running, running, away, running, Completed()], lines)
    state, shown = follow(server)
    assert state.is_completed()
    assert shown == [
        "align/fox: Pending", "align/fox: Running", "a", "b", "c", "f", "e late", "g",
        "align/fox: Completed",
    ]  # fmt: skip


def test_lines_that_come_after_the_end_are_shown() -> None:
    server = Server([Failed()], [(0, "why", 1), (1, "Finished in state Completed()", 1)])
    assert follow(server)[1] == ["why", "align/fox: Failed"]


def test_a_server_that_stays_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trigger, "AWAY_SECONDS", 0)
    with pytest.raises(MlcDataError, match="prefect flow-run watch"):
        follow(Server([httpx.ConnectError("refused")], []))
