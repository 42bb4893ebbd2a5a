"""`mlc-data run` in a real terminal: Ctrl-C reaches the whole foreground group, also the server that it starts."""

from __future__ import annotations

import re
import signal
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from cli_sandbox import CliSandbox
from terminal import Terminal
from tiny_models import save_causal_lm

pytestmark = pytest.mark.end_to_end

SECONDS = 240
MOMENTS = ("server", "translate", "align")
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Stopped:
    """A run after its stop: exit code, text since the signal, unfinished runs on the server, its process."""

    code: int
    text: str
    unfinished: int
    server: int


def server_of(terminal: Terminal) -> int | None:
    """Process id of the temporary server, once there is one."""
    for child in psutil.Process(terminal.process.pid).children():
        if "uvicorn" in child.cmdline():
            return int(child.pid)
    return None


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Stopped]:
    """One run, stopped and started again: at each moment it goes on where the one before has stopped."""
    sandbox = CliSandbox(tmp_path_factory.mktemp("terminal"))
    save_causal_lm(sandbox.folder / "model")
    settings = [
        "sources.preferences.limit=40",
        "languages.targets=[spa_Latn,swh_Latn]",
        "sets.completeness={at_least: 1}",
        "align.model=./model",
        "align.max_steps=4000",
        "align.save_every=2",
        "align.loss.layer=-1",
    ]
    command = sandbox.command("run", "quickstart", short=False)
    command += [part for setting in settings for part in ("--set", setting)]
    return {moment: _stop(sandbox, command, moment) for moment in MOMENTS}


def _stop(sandbox: CliSandbox, command: list[str], moment: str) -> Stopped:
    terminal = Terminal(command, sandbox.folder, sandbox.environment)
    run = sandbox.folder / "runs" / "quickstart"
    reached: dict[str, Callable[[], bool]] = {
        "server": lambda: True,
        "translate": lambda: "translating" in terminal.output,
        "align": lambda: bool(list(run.glob(".training-*/checkpoint-*/trainer_state.json"))),
    }
    try:
        terminal.wait_until(lambda: server_of(terminal) is not None, SECONDS)
        server = server_of(terminal)
        assert server
        terminal.wait_until(reached[moment], SECONDS)
        before = len(terminal.output)
        if moment == "align":
            terminal.send(signal.SIGTERM)
        else:
            terminal.press_ctrl_c()
        code = terminal.wait(60)
    finally:
        terminal.close()
    text = _CONTROL.sub("", terminal.output[before:])
    return Stopped(code, text, _unfinished(sandbox.folder / "prefect" / "prefect.db"), server)


def _unfinished(database: Path) -> int:
    with sqlite3.connect(database) as connection:
        known = connection.execute("select 1 from sqlite_master where name = 'flow_run'").fetchone()
        query = (
            "select count(*) from flow_run where state_type in ('RUNNING', 'PENDING', 'SCHEDULED')"
        )
        return int(connection.execute(query).fetchone()[0]) if known else 0


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_exit_code_is_that_of_a_stop(stopped: dict[str, Stopped], moment: str) -> None:
    assert stopped[moment].code == 130, stopped[moment].text


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_last_line_says_how_to_go_on(stopped: dict[str, Stopped], moment: str) -> None:
    last = stopped[moment].text.strip().splitlines()[-1]
    assert last.startswith("Stopped")
    assert "resume" in last


@pytest.mark.parametrize("moment", MOMENTS)
def test_prefect_says_nothing_about_it(stopped: dict[str, Stopped], moment: str) -> None:
    for word in ("Traceback", "prefect", "Crash", "WARNING the temporary server", "Error"):
        assert word not in stopped[moment].text


@pytest.mark.parametrize("moment", MOMENTS)
def test_no_run_is_left_running_on_the_server(stopped: dict[str, Stopped], moment: str) -> None:
    assert stopped[moment].unfinished == 0


@pytest.mark.parametrize("moment", MOMENTS)
def test_the_server_has_ended(stopped: dict[str, Stopped], moment: str) -> None:
    assert not psutil.pid_exists(stopped[moment].server)


def test_a_stopped_training_is_saved(stopped: dict[str, Stopped]) -> None:
    said = re.search(r"Stopped after step (\d+)", stopped["align"].text)
    assert said
    assert int(said[1]) >= 2
