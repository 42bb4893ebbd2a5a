"""`mlc-data deploy` and what it deploys, on a real server with real workers, as docker-compose.yml has them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from cli_sandbox import SHORT, QuickstartRun
from prefect_server import REPOSITORY, PrefectServer, find
from process_guard import end_tree
from tiny_models import save_causal_lm

from mlc_data.core.manifest import read_manifest

pytestmark = pytest.mark.end_to_end

COMMAND = ("-c", "from mlc_data.cli.main import main; main()")
TINY = ("sources.prompts.limit=60", "rescue.rungs=[]", "evaluate.safety=null")


@pytest.fixture
def deployed(server: PrefectServer) -> PrefectServer:
    if not server.post("/deployments/filter"):
        server.run(*COMMAND, "deploy")
    return server


def parameters(run: Path, *overrides: str, recipe: str = "quickstart") -> list[str]:
    values = [f"recipe={recipe}", f"run_dir={run}", f"overrides={json.dumps(overrides)}"]
    return [part for value in values for part in ("--param", value)]


def deployment(server: PrefectServer, flow: str, name: str) -> dict[str, Any]:
    deployments = server.post(
        "/deployments/filter",
        flows={"name": {"any_": [flow]}},
        deployments={"name": {"any_": [name]}},
    )
    assert len(deployments) == 1
    result: dict[str, Any] = deployments[0]
    return result


def test_the_server_runs_on_what_is_installed(server: PrefectServer) -> None:
    if wanted := os.environ.get("MLC_DATA_TEST_SERVER"):
        assert server.parts == wanted
    if find("initdb"):
        assert "PostgreSQL" in server.parts
    if find("redis-server") and find("initdb"):
        assert "Redis" in server.parts, "prefect-redis is not installed: pip install '.[docker]'"


def test_deploying_again_changes_nothing(server: PrefectServer) -> None:
    first = server.run(*COMMAND, "deploy")
    assert "created" in first
    assert "updated" not in first
    before = server.post("/deployments/filter")
    automations = server.post("/automations/filter")
    second = server.run(*COMMAND, "deploy")
    assert "created" not in second
    after = server.post("/deployments/filter")
    assert {row["id"] for row in after} == {row["id"] for row in before}
    assert len(after) == 7
    assert {pool["name"] for pool in server.post("/work_pools/filter")} == {"cpu", "gpu"}
    again = server.post("/automations/filter")
    assert [row["id"] for row in again] == [row["id"] for row in automations]
    assert [(row["name"], row["enabled"]) for row in again] == [("mlc-data heartbeat", True)]
    assert len(deployment(server, "refresh", "weekly")["schedules"]) == 1


def test_the_schedule_has_created_runs(deployed: PrefectServer) -> None:
    weekly = deployment(deployed, "refresh", "weekly")
    written = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text())["deployments"]
    (schedule,) = next(entry for entry in written if entry["name"] == "weekly")["schedules"]
    runs = deployed.wait_for(
        "/flow_runs/filter",
        300,
        flow_runs={
            "deployment_id": {"any_": [weekly["id"]]}, "state": {"type": {"any_": ["SCHEDULED"]}}
        },
    )  # fmt: skip
    for run in runs:
        start = datetime.fromisoformat(run["expected_start_time"])
        assert (start.isoweekday(), start.hour, start.minute) == (1, 3, 0)
        assert run["parameters"]["run_dir"] == schedule["parameters"]["run_dir"]
        assert run["auto_scheduled"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"recipe": "quikstart"}, "a shipped recipe's name (demo-1gpu"),
        ({"recipe": 7}, "is not of type 'string'"),
        ({"overrides": ["align.loss.weight"]}, "dotted.key=value"),
        ({"recipe": "./mine", "overrides": ["algin.seed=1"]}, "a section of the recipe (name"),
        ({"repo": "nobody"}, "unknown parameter repo"),
    ],
)
def test_a_wrong_parameter_is_refused_before_anything_starts(
    deployed: PrefectServer, given: dict[str, Any], message: str
) -> None:
    # Not those of the schedule, which come and go.
    ours = {"flows": {"name": {"any_": ["build-and-align"]}}}
    before = deployed.post("/flow_runs/count", **ours)
    own = [part for key, value in given.items() for part in ("--param", f"{key}={value}")]
    output = deployed.run(*COMMAND, "trigger", "build-and-align", *own, code=2)
    assert message in output
    if set(given) != {"repo"}:
        # The form of the UI, and every other client of the API.
        with pytest.raises(httpx.HTTPStatusError, match="409"):
            row = deployment(deployed, "build-and-align", "local")
            deployed.post(f"/deployments/{row['id']}/create_flow_run", parameters=given)
    assert deployed.post("/flow_runs/count", **ours) == before


def test_an_unknown_key_is_refused_at_once(deployed: PrefectServer) -> None:
    own = ("trigger", "align", "--set", "align.loss.temprature=1")
    assert "did you mean 'temperature'?" in deployed.run(*COMMAND, *own, code=2)
    assert "build-and-align/local" in deployed.run(*COMMAND, "trigger", "aling", code=2)


def test_runs_end_as_they_should(
    deployed: PrefectServer, quickstart: QuickstartRun, tmp_path: Path
) -> None:
    """Two runs at once, a killed worker, a complete run meanwhile, and the next refresh."""
    weekly = deployment(deployed, "refresh", "weekly")["id"]
    mine = {"deployment_id": {"any_": [weekly]}, "state": {"name": {"any_": ["Running"]}}}
    # It is cancelled or killed before its end.
    cache = f"cache: {tmp_path / 'cache'}"
    engine = f"translate={{model: waiting, family: 'waiting_engine:Waiting', {cache}}}"
    slow = (engine, "refresh.retrain=never")

    # No worker: the run waits, and the command says why.
    follower = subprocess.Popen(
        [sys.executable, *COMMAND, "trigger", "refresh", *parameters(tmp_path / "slow", *slow)],
        cwd=REPOSITORY, env=deployed.environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    assert follower.stdout
    lines = [""]
    while "no worker serves the pool 'cpu'" not in lines[-1]:
        lines.append(follower.stdout.readline())
        assert lines[-1], lines
    first = deployed.start("worker", "start", "--pool", "cpu", log="worker-1")
    (running,) = deployed.wait_for("/flow_runs/filter", 300, flow_runs=mine)

    # Ctrl-C ends the command and not the run.
    while not (line := follower.stdout.readline()).startswith(
        f"refresh/{running['name']}: Running"
    ):
        assert line, lines
    follower.send_signal(signal.SIGINT)
    rest, _ = follower.communicate(timeout=180)
    assert follower.returncode == 130, rest
    assert f"prefect flow-run watch {running['id']}" in rest

    # A second run at the same time is cancelled.
    output = deployed.run(
        *COMMAND, "trigger", "refresh/weekly", *parameters(tmp_path / "second", *slow), code=1
    )
    assert "ended as Cancelled" in output
    assert not (tmp_path / "second").exists()

    # The machine fails, with its worker and the run.
    beat = {
        "event": {"name": ["prefect.flow-run.heartbeat"]},
        "resource": {"id": [f"prefect.flow-run.{running['id']}"]},
    }
    deployed.wait_for_state(running["id"], {"Running"}, 60)
    deadline = time.monotonic() + 180
    while not deployed.post("/events/filter", filter=beat)["events"]:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    end_tree(first)
    killed = time.monotonic()

    # Another worker makes a complete run.
    deployed.start("worker", "start", "--pool", "cpu", log="worker-2")
    run = tmp_path / "whole"
    command = ("--no-prompt", "deployment", "run", "build-and-align/local", "--watch")
    model = (f"align.model={save_causal_lm(tmp_path / 'model')}", "align.loss.layer=-1")
    model = (*model, "align.max_length=512")  # its tokens are bytes
    watched = deployed.run("-m", "prefect", *command, *parameters(run, *SHORT, *TINY, *model))
    assert "Completed" in watched
    assert (run / "checkpoint" / "model.safetensors").is_file()
    check_ui(deployed, run)

    # The killed run is found dead, and the next one may start.
    assert deployed.wait_for_state(running["id"], {"Crashed"}, 450) == "Crashed"
    assert time.monotonic() - killed > 60, "found dead before three heartbeats could be missed"
    after = parameters(tmp_path / "next", "sources.prompts.limit=6", "refresh.retrain=never")
    output = deployed.run(*COMMAND, "trigger", "refresh", *after)
    assert "Completed" in output
    # The library's own lines, from a task within the flow.
    assert "translate: done in" in output
    assert read_manifest(tmp_path / "next" / "manifest.json").counts.sets


def check_ui(deployed: PrefectServer, run: Path) -> None:
    """Check the artifacts and logs that the UI shows of a run that has ended."""
    artifacts = {row["key"]: row for row in deployed.post("/artifacts/latest/filter")}
    counts = read_manifest(run / "manifest.json").counts.by_language
    assert counts
    rows = yaml.safe_load(artifacts["languages-quickstart"]["data"])
    assert {row["language"]: (row["kept"], row["rejected"]) for row in rows} == {
        code: (count.kept, sum(count.rejected.values())) for code, count in counts.items()
    }
    summary = artifacts["summary-quickstart"]["data"]
    assert "| retrieval of the own prompt |" in summary
    assert "| before | after |" in summary
    report = run / "report.html"
    assert report.is_file()
    assert str(report) in artifacts["report-quickstart"]["data"]
    flows = deployed.post("/flow_runs/filter", flow_runs={"tags": {"all_": ["mlc-data"]}})
    assert {"build-variants", "align"} <= {
        flow["name"]
        for flow in deployed.post(
            "/flows/filter", flow_runs={"id": {"any_": [flow["id"] for flow in flows]}}
        )
    }
    logs = deployed.post("/logs/filter", logs={"level": {"ge_": 20}}, limit=200)
    assert any("sets: done in" in line["message"] for line in logs)
