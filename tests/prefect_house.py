"""A Prefect server as docker-compose.yml has it, on loopback: PostgreSQL and Redis where they are installed.

Without them the server keeps its data in SQLite and its messages in memory; `House.parts` says which.
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
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from support import free_port

REPOSITORY = Path(__file__).parent.parent
AUTH = "someone:secret"


def find(program: str) -> str | None:
    """A program on the PATH, or where Debian keeps PostgreSQL's."""
    debian = ":".join(map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"))))
    return shutil.which(program) or shutil.which(program, path=debian)


@dataclass
class House:
    """A running server and what is needed to speak to it.

    Attributes:
        url: of its API.
        environment: reaches it, with credentials.
        folder: logs.
        parts: what it runs on, in words.
    """

    url: str
    environment: dict[str, str]
    folder: Path
    parts: str
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *arguments: str, log: str) -> subprocess.Popen[bytes]:
        """Start `python -m prefect ...`; ended with the house."""
        with (self.folder / f"{log}.log").open("w") as handle:
            process = subprocess.Popen(
                [sys.executable, "-m", "prefect", *arguments],
                cwd=REPOSITORY, env=self.environment, stdout=handle, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        self.started.append(process)
        return process

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run `python <arguments>` to its end; returns what it said."""
        done = subprocess.run(
            [sys.executable, *arguments], cwd=REPOSITORY, env=self.environment,
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def ask(self, path: str, **body: Any) -> Any:
        """POST to the API."""
        with httpx.Client(auth=tuple(AUTH.split(":")), timeout=30) as client:  # type: ignore[arg-type]
            answer = client.post(f"{self.url}{path}", json=body)
            answer.raise_for_status()
            return answer.json()

    def wait(self, path: str, seconds: float, **body: Any) -> list[Any]:
        """Ask until the answer is not empty."""
        deadline = time.monotonic() + seconds
        while not (found := self.ask(path, **body)):
            assert time.monotonic() < deadline, (path, body, self.logs())
            time.sleep(0.5)
        answer: list[Any] = found
        return answer

    def wait_for_state(self, run: str, states: set[str], seconds: float) -> str:
        """Wait until a flow run is in one of the states; returns which."""
        told = self.wait(
            "/flow_runs/filter",
            seconds,
            flow_runs={"id": {"any_": [run]}, "state": {"name": {"any_": sorted(states)}}},
        )
        return str(told[0]["state"]["name"])

    def logs(self) -> str:
        """The ends of what the parts have logged."""
        return "\n".join(
            f"--- {path.name}\n{path.read_text()[-3000:]}" for path in self.folder.glob("*.log")
        )


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """kill -9 a process and all that it has started, as the end of a machine would."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for one in family:
        one.suspend()
    for one in family:
        one.kill()
    process.wait(timeout=30)


@contextmanager
def house(environment: dict[str, str], folder: Path) -> Iterator[House]:
    """Start everything, wait until it answers, end everything."""
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
        parts = [_database(stack, environment), _messages(stack, environment)]
        made = House(url, environment, folder, ", ".join(parts))
        stack.callback(_end, made.started)
        # Messages in memory reach nobody outside the process.
        alone = "Redis" not in parts
        none = () if alone else ("--no-services",)
        made.start("server", "start", "--port", str(port), *none, log="server")
        deadline = time.monotonic() + 120
        while True:
            try:
                httpx.get(f"{url}/health", timeout=2).raise_for_status()
                break
            except httpx.HTTPError:
                assert time.monotonic() < deadline, made.logs()
                time.sleep(0.3)
        if not alone:
            made.start("server", "services", "start", log="services")
        yield made


def _database(stack: ExitStack, environment: dict[str, str]) -> str:
    initdb, postgres = find("initdb"), find("postgres")
    if not (initdb and postgres):
        return "SQLite"
    # PostgreSQL refuses to run as root, and nobody may not look into pytest's folders.
    folder = Path(tempfile.mkdtemp(prefix="mlc-data-postgres-", dir="/tmp"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    lower: list[str] = []
    if os.geteuid() == 0:
        lower = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
        shutil.chown(folder, "nobody", "nogroup")
    data, port = folder / "data", free_port()
    options = ["--auth=trust", "--username=prefect", "--no-sync", "-D", str(data)]
    subprocess.run([*lower, initdb, *options], check=True, capture_output=True, cwd=folder)
    process = subprocess.Popen(
        [*lower, postgres, "-D", str(data), "-h", "127.0.0.1", "-p", str(port), "-k", str(folder), "-F"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    stack.callback(_end, [process], signal.SIGINT)
    _wait_for_port(port, process)
    address = f"prefect@127.0.0.1:{port}/postgres"
    environment["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = f"postgresql+asyncpg://{address}"
    return "PostgreSQL"


def _messages(stack: ExitStack, environment: dict[str, str]) -> str:
    redis = find("redis-server")
    on_postgres = "PREFECT_SERVER_DATABASE_CONNECTION_URL" in environment
    if not (redis and importlib.util.find_spec("prefect_redis") and on_postgres):
        return "messages in memory"
    folder = Path(tempfile.mkdtemp(prefix="mlc-data-redis-"))
    stack.callback(shutil.rmtree, folder, ignore_errors=True)
    port = free_port()
    process = subprocess.Popen(
        [redis, "--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", ""],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    stack.callback(_end, [process])
    _wait_for_port(port, process)
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


def _wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert process.poll() is None, process.args
            assert time.monotonic() < deadline, process.args
            time.sleep(0.1)


def _end(started: list[subprocess.Popen[bytes]], how: int = signal.SIGTERM) -> None:
    for process in reversed(started):
        if process.poll() is None:
            process.send_signal(how)
    for process in reversed(started):
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            kill_tree(process)
