"""The Prefect server is gone in the middle of a run: one message at once, and the same command resumes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from fault_harness import SmallRun, State, done_stages, litter
from prefect_server import running_server
from process_guard import ProcessGuard, end_tree

from mlc_data.stages import NAMES

pytestmark = pytest.mark.end_to_end

LONG = pytest.mark.skipif(
    "MLC_DATA_LONG_FAULTS" not in os.environ, reason="part of benchmarks/reliability.py"
)
SECONDS = 300
MOMENTS = ["temporary translate"] + [
    pytest.param(f"{kind} {stage}", marks=LONG)
    for kind in ("temporary", "named")
    for stage in ("translate", "align", "safety")
    if (kind, stage) != ("temporary", "translate")
]


@dataclass(frozen=True)
class Gone:
    """A run whose server was killed, as it was then; and seconds from the kill to its end."""

    run: SmallRun
    status: int
    output: str
    seconds: float
    stages: set[str]


@pytest.fixture(scope="module", params=MOMENTS)
def gone(
    request: pytest.FixtureRequest,
    whole: SmallRun,
    process_guard: ProcessGuard,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Gone]:
    kind, stage = request.param.split()
    folder = tmp_path_factory.mktemp("gone")
    run, log = whole.elsewhere(folder), folder / "log.txt"
    environment = {**os.environ, "NO_COLOR": "1", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    environment["PREFECT_HOME"] = str(folder / "prefect")
    environment["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"] = str(SECONDS)
    with ExitStack() as stack:
        server = None
        if kind == "named":
            started = stack.enter_context(running_server(environment, folder, process_guard))
            server, environment = started.started[0], started.environment
        with log.open("w") as output:
            command = subprocess.Popen(
                [sys.executable, "-c", "from mlc_data.cli.main import main; main()", *run.argv("run")],
                cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        stack.callback(end_tree, command)
        wait_for_stage(log, stage, command)
        if server is not None:
            end_tree(server)
        else:
            (own,) = [
                child
                for child in psutil.Process(command.pid).children()
                if "uvicorn" in child.cmdline()
            ]
            own.kill()
        begun = time.perf_counter()
        status = command.wait(SECONDS)
        seconds = time.perf_counter() - begun
        yield Gone(run, status, log.read_text(), seconds, set(run.manifest.stages))


def wait_for_stage(log: Path, stage: str, command: subprocess.Popen[bytes]) -> None:
    earlier, deadline = set(NAMES[: NAMES.index(stage)]), time.monotonic() + SECONDS
    while not earlier <= done_stages(log):
        assert command.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.01)


def test_it_fails(gone: Gone) -> None:
    assert gone.status == 1, gone.output


def test_one_line_says_what_to_do(gone: Gone) -> None:
    (line,) = [line for line in gone.output.splitlines() if line.startswith("Error: ")]
    assert line == gone.output.rstrip().splitlines()[-1]
    assert "the Prefect server" in line
    assert "stopped answering" in line
    assert "the same command resumes" in line


def test_prefect_adds_nothing(gone: Gone) -> None:
    for word in ("Traceback", "EventsWorker", "Unable to connect", "Error logging to API"):
        assert word not in gone.output


def test_it_ends_soon(gone: Gone) -> None:
    assert gone.seconds < 150, gone.output


def test_finished_stages_are_kept_and_the_same_command_resumes(gone: Gone, expected: State) -> None:
    assert gone.stages
    ended = gone.run.run()
    assert ended.status == 0, ended.output
    assert State.of(gone.run) == expected
    for stage in gone.stages:
        assert f"{stage}: unchanged, reused" in ended.output
    assert not [name for name in litter(gone.run) if name.startswith("run")]
