"""`mlc-data deploy` and `trigger` without a server, or with one that is of no use."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).parent.parent.parent


def mlc_data(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return subprocess.run(
        [sys.executable, "-c", "from mlc_data.cli.main import main; main()", *arguments],
        cwd=REPOSITORY, env={**own, "PREFECT_HOME": str(folder), "NO_COLOR": "1", **environment},
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip


class _Closed(BaseHTTPRequestHandler):
    """Healthy, but lets nobody in."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/api/health" else 401)
        self.end_headers()

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def closed() -> Iterator[str]:
    served = ThreadingHTTPServer(("127.0.0.1", 0), _Closed)
    threading.Thread(
        target=served.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
    ).start()
    yield f"http://127.0.0.1:{served.server_port}/api"
    served.shutdown()


def test_without_a_server_the_command_says_what_to_do(tmp_path: Path) -> None:
    done = mlc_data(tmp_path, "deploy")
    assert done.returncode == 2
    assert "prefect server start" in done.stderr
    assert "PREFECT_API_URL=" in done.stderr
    assert "Traceback" not in done.stderr
    away = mlc_data(tmp_path, "trigger", "align", PREFECT_API_URL="http://127.0.0.1:9/api")
    assert away.returncode == 2
    assert "no Prefect server answers at http://127.0.0.1:9/api" in away.stderr
    assert "Traceback" not in away.stderr


def test_credentials_that_are_missing_are_told(tmp_path: Path, closed: str) -> None:
    done = mlc_data(tmp_path, "trigger", "align", PREFECT_API_URL=closed)
    assert done.returncode == 2
    assert "PREFECT_API_AUTH_STRING" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: x", "KeyError: 'deployments'"),
        ("deployments: [{name: x}]", "KeyError: 'entrypoint'"),
        ("a: [", "ParserError"),
    ],
)
def test_a_file_that_deploys_nothing_is_refused(tmp_path: Path, text: str, told: str) -> None:
    from mlc_data.flows.deploy import deploy

    from mlc_data.errors import UsageError

    file = tmp_path / "prefect.yaml"
    file.write_text(text)
    with pytest.raises(UsageError) as refused:
        list(deploy(file, lambda _: True))
    assert told in str(refused.value)


def test_the_file_is_looked_for_here_and_beside_the_flows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlc_data.flows.deploy import find_file

    from mlc_data.errors import UsageError

    monkeypatch.chdir(tmp_path)
    assert find_file(None) == REPOSITORY / "prefect.yaml"
    (tmp_path / "prefect.yaml").touch()
    assert find_file(None) == tmp_path / "prefect.yaml"
    with pytest.raises(UsageError, match=r"none\.yaml"):
        find_file(tmp_path / "none.yaml")
