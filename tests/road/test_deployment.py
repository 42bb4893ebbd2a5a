"""prefect.yaml on a real server with a real worker."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from place import Walked

pytestmark = [pytest.mark.road, pytest.mark.timeout(480)]

REPOSITORY = Path(__file__).parent.parent.parent


def _prefect(*arguments: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", *arguments],
        cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


@pytest.fixture
def server(walked: Walked, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A server and a worker; yields the environment that reaches them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **walked.place.environment,
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PWD": str(REPOSITORY),
    }
    log = (tmp_path / "server.log").open("w")

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "prefect", *arguments],
            cwd=REPOSITORY, env=environment, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip

    # A worker ends by SIGINT, which programs below a shell's background job are told to ignore.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    running = [start("server", "start", "--port", str(port))]
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api/health", timeout=2)
                break
            except OSError:
                assert time.monotonic() < deadline, (tmp_path / "server.log").read_text()
                time.sleep(0.5)
        made = _prefect(
            "work-pool", "create", "local", "--type", "process", environment=environment
        )
        assert made.returncode == 0, made.stderr
        running.append(start("worker", "start", "--pool", "local"))
        yield environment
    finally:
        for process in reversed(running):
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait(timeout=60)
        log.close()
        signal.signal(signal.SIGINT, before)


def test_deployments_run(server: dict[str, str], walked: Walked, tmp_path: Path) -> None:
    deployed = _prefect("deploy", "--all", environment=server)
    assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    listed = _prefect("deployment", "ls", environment=server).stdout
    for name in ("build-variants/local", "align/local", "build-and-align/local"):
        assert name in listed
    run = tmp_path / "run"
    for arguments, code in (
        (('overrides=["sources.prompts.limit=5"]', f'run_dir="{run}"'), 0),
        (('overrides=["translate.model=./none"]', f'run_dir="{tmp_path / "other"}"'), 1),
    ):
        parameters = [part for one in arguments for part in ("--param", one)]
        command = ("deployment", "run", "build-variants/local", *parameters, "--watch")
        done = _prefect(*command, environment=server)
        assert done.returncode == code, done.stdout + done.stderr
    assert walked.place.manifest(str(run)).counts.sets is not None
