"""Refreshing on real parts: a finished run by the command, a build by the flow."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from cli_sandbox import CliSandbox, QuickstartRun
from prefect_server import PrefectServer

pytestmark = pytest.mark.end_to_end


def refresh(sandbox: CliSandbox, run: Path, *more: str) -> dict[str, Any]:
    completed = sandbox.run("refresh", str(run), "--json", *more, short=False)
    result: dict[str, Any] = json.loads(completed.stdout)
    return result


def test_a_finished_run_is_up_to_date(quickstart: QuickstartRun, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(quickstart.folder, run)
    assert refresh(quickstart.sandbox, run)["changed"] is False
    # Another rule changes the recipe, and gives no reason to train again.
    result = refresh(quickstart.sandbox, run, "--set", "refresh.retrain=always")
    assert result["changed"] is True
    assert result["trained"] is False
    assert result["diff"]["training"] == {"rule": "always", "share": 0.0, "due": True}
    assert refresh(quickstart.sandbox, run)["changed"] is False


def test_the_flow_refreshes(server: PrefectServer, tmp_path: Path) -> None:
    sandbox = CliSandbox(tmp_path, server.environment)
    own = ("--run-dir", str(tmp_path / "run"), "--set", "languages.targets=[spa_Latn,swh_Latn]")
    flow = ("mlc_data.flows.refresh", *own, "--set", "sources.prompts.limit=30")
    sandbox.run(*flow, "--recipe", "quickstart", short=False)
    diff = json.loads((tmp_path / "run" / "refresh" / "diff.json").read_text())
    assert diff["before"] is None
    assert diff["variants"]["added"] == 60
    sandbox.run("mlc_data.flows.refresh", *own, "--set", "sources.prompts.limit=20", short=False)
    diff = json.loads((tmp_path / "run" / "refresh" / "diff.json").read_text())
    assert diff["prompts"]["removed"] == 10
    assert (diff["variants"]["added"], diff["variants"]["removed"]) == (0, 20)
    assert diff["training"]["due"] is False
    assert refresh(sandbox, tmp_path / "run")["changed"] is False
