"""Prefect server as docker-compose.yml has it, on loopback: PostgreSQL and Redis where installed.

Without them the server keeps its data in SQLite and its messages in memory; `PrefectServer.parts`
says which.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from process_guard import ProcessGuard, end_tree
from support import free_port

REPOSITORY = Path(__file__).parent.parent
AUTH = "someone:secret"
START_SECONDS = 300
COMMAND_SECONDS = 600
STOP_SECONDS = 60


def find(program: str) -> str | None:
    """Path of a program on the PATH, or where Debian keeps those of PostgreSQL."""
    debian = ":".join(map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"))))
    return shutil.which(program) or shutil.which(program, path=debian)


@dataclass
class PrefectServer:
    """A running server and what is needed to reach it.

    Attributes:
        url: of its API.
        environment: for processes that use it, with credentials.
        folder: of logs.
        parts: where it keeps data and messages, in words.
    """

    url: str
    environment: dict[str, str]
    folder: Path
    parts: str
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *arguments: str, log: str) -> subprocess.Popen[bytes]:
        """Start `python -m prefect ...` until the server is stopped; output goes to ``<log>.log``."""
        with (self.folder / f"{log}.log").open("w") as handle:
            process = subprocess.Popen(
                [sys.executable, "-m", "prefect", *arguments],
                cwd=REPOSITORY, env=self.environment, stdout=handle, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        self.started.append(process)
        return process

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run `python <arguments>` to its end; returns its output."""
        completed = subprocess.run(
            [sys.executable, *arguments], cwd=REPOSITORY, env=self.environment,
            capture_output=True, text=True, check=False, timeout=COMMAND_SECONDS,
        )  # fmt: skip
        assert completed.returncode == code, completed.stdout + completed.stderr
        return completed.stdout + completed.stderr

    def post(self, path: str, **body: Any) -> Any:
        """Answer of the API to a POST request."""
        with httpx.Client(auth=tuple(AUTH.split(":")), timeout=60) as client:  # type: ignore[arg-type]
            response = client.post(f"{self.url}{path}", json=body)
            response.raise_for_status()
            return response.json()

    def wait_for(self, path: str, seconds: float, **body: Any) -> list[Any]:
        """Repeat a request until its answer is not empty; returns the answer."""
        deadline = time.monotonic() + seconds
        while not (answer := self.post(path, **body)):
            assert time.monotonic() < deadline, (path, body, self.logs())
            time.sleep(0.5)
        rows: list[Any] = answer
        return rows

    def wait_for_state(self, run: str, states: set[str], seconds: float) -> str:
        """Wait until a flow run is in one of the states; returns which."""
        runs = self.wait_for(
            "/flow_runs/filter",
            seconds,
            flow_runs={"id": {"any_": [run]}, "state": {"name": {"any_": sorted(states)}}},
        )
        return str(runs[0]["state"]["name"])

    def logs(self) -> str:
        """Last lines of the logs of all processes."""
        return "\n".join(
            f"--- {path.name}\n{path.read_text()[-3000:]}" for path in self.folder.glob("*.log")
        )


@contextmanager
def running_server(
    environment: Mapping[str, str], folder: Path, guard: ProcessGuard
) -> Iterator[PrefectServer]:
    """Start the server and its services, wait until it answers, and stop them at the end."""
    url = f"http://127.0.0.1:{(port := free_port())}/api"
    environment = {
        **environment,
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": url,
        "PREFECT_API_AUTH_STRING": AUTH,
        "PREFECT_SERVER_API_AUTH_STRING": AUTH,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PWD": str(REPOSITORY),
    }
    with ExitStack() as stack:
        # A worker ends by SIGINT, which programs below a shell's background job are told to ignore.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        stack.callback(signal.signal, signal.SIGINT, before)
        parts = [_database(stack, environment, guard), _messages(stack, environment, guard)]
        server = PrefectServer(url, environment, folder, ", ".join(parts))
        stack.callback(_stop, server.started)
        # Messages in memory reach no other process.
        separate = "Redis" in parts
        services = ("--no-services",) if separate else ()
        process = server.start("server", "start", "--port", str(port), *services, log="server")
        _wait_until(lambda: _answers(url), process, server.logs)
        if separate:
            server.start("server", "services", "start", log="services")
        yield server


def _database(stack: ExitStack, environment: dict[str, str], guard: ProcessGuard) -> str:
    initdb, postgres = find("initdb"), find("postgres")
    if not (initdb and postgres):
        return "SQLite"
    # PostgreSQL refuses to run as root, and nobody may not enter the folders of pytest.
    folder = Path(tempfile.mkdtemp(prefix="mlc-data-postgres-", dir="/tmp"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    as_nobody: list[str] = []
    if os.geteuid() == 0:
        as_nobody = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        shutil.chown(folder, "nobody", "nogroup")
    data, port = folder / "data", free_port()
    options = ["--auth=trust", "--username=prefect", "--no-sync", "-D", str(data)]
    subprocess.run([*as_nobody, initdb, *options], check=True, capture_output=True, cwd=folder)
    address = ["-D", str(data), "-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-F"]
    process = _start([*as_nobody, postgres, *address], folder, guard)
    stack.callback(_stop, [process], signal.SIGINT)
    _wait_until(lambda: _listens(port), process)
    database = f"prefect@127.0.0.1:{port}/postgres"
    environment["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = f"postgresql+asyncpg://{database}"
    return "PostgreSQL"


def _messages(stack: ExitStack, environment: dict[str, str], guard: ProcessGuard) -> str:
    redis = find("redis-server")
    on_postgres = "PREFECT_SERVER_DATABASE_CONNECTION_URL" in environment
    if not (redis and importlib.util.find_spec("prefect_redis") and on_postgres):
        return "messages in memory"
    folder = Path(tempfile.mkdtemp(prefix="mlc-data-redis-"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    port = free_port()
    options = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", ""]
    process = _start([redis, *options], folder, guard)
    stack.callback(_stop, [process])
    _wait_until(lambda: _listens(port), process)
    environment |= {
        "PREFECT_MESSAGING_BROKER": "prefect_redis.messaging",
        "PREFECT_MESSAGING_CACHE": "prefect_redis.messaging",
        "PREFECT_SERVER_EVENTS_CAUSAL_ORDERING": "prefect_redis.ordering",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect_redis.lease_storage",
        "PREFECT_REDIS_MESSAGING_HOST": "127.0.0.1",
        "PREFECT_REDIS_MESSAGING_PORT": str(port),
        "PREFECT_REDIS_MESSAGING_DB": "0",
    }
    return "Redis"


def _start(command: Sequence[str], folder: Path, guard: ProcessGuard) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    guard.watch(process, folder)
    return process


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=2).is_success
    except httpx.HTTPError:
        return False


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _wait_until(
    ready: Callable[[], bool], process: subprocess.Popen[bytes], logs: Callable[[], str] = str
) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        assert process.poll() is None, f"{process.args} has ended\n{logs()}"
        assert time.monotonic() < deadline, f"{process.args} does not answer\n{logs()}"
        time.sleep(0.1)


def _stop(started: list[subprocess.Popen[bytes]], how: int = signal.SIGTERM) -> None:
    for process in reversed(started):
        if process.poll() is None:
            process.send_signal(how)
    for process in reversed(started):
        try:
            process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            end_tree(process)
