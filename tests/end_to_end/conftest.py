"""Fixtures of the end-to-end tests: one run of the quickstart and one Prefect server for all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_sandbox import CliSandbox, QuickstartRun
from prefect_server import PrefectServer, running_server
from process_guard import ProcessGuard

ENGINE = Path(__file__).parents[1] / "waiting_engine.py"


@pytest.fixture(scope="session")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> QuickstartRun:
    """`mlc-data run quickstart`, shortened, in an empty folder."""
    sandbox = CliSandbox(tmp_path_factory.mktemp("quickstart"))
    completed = sandbox.run("run", "quickstart")
    return QuickstartRun(sandbox, completed.stdout, completed.stderr)


@pytest.fixture(scope="session")
def server(
    quickstart: QuickstartRun,
    tmp_path_factory: pytest.TempPathFactory,
    process_guard: ProcessGuard,
) -> Iterator[PrefectServer]:
    """A Prefect server, as docker-compose.yml has it, that knows the sandbox's translation cache."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(ENGINE, folder)  # flows find it there
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**quickstart.sandbox.environment, "PYTHONPATH": path}
    with running_server(environment, folder, process_guard) as running:
        yield running
