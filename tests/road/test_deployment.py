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
from place import SHORT, Walked
from prefect_house import REPOSITORY, House, find, kill_tree
from support import write_jsonl

from mlc_data.core.manifest import read_manifest

pytestmark = [pytest.mark.road, pytest.mark.timeout(480)]

COMMAND = ("-c", "from mlc_data.cli.main import main; main()")
TINY = ("sources.prompts.limit=60", "rescue.rungs=[]", "evaluate.safety=null")


@pytest.fixture
def deployed(server: House) -> House:
    if not server.ask("/deployments/filter"):
        server.run(*COMMAND, "deploy")
    return server


def parameters(run: Path, *overrides: str, recipe: str = "quickstart") -> list[str]:
    told = [f"recipe={recipe}", f"run_dir={run}", f"overrides={json.dumps(overrides)}"]
    return [part for one in told for part in ("--param", one)]


def deployment(server: House, flow: str, name: str) -> dict[str, Any]:
    found = server.ask(
        "/deployments/filter",
        flows={"name": {"any_": [flow]}},
        deployments={"name": {"any_": [name]}},
    )
    assert len(found) == 1
    one: dict[str, Any] = found[0]
    return one


def test_the_server_runs_on_what_is_installed(server: House) -> None:
    if wanted := os.environ.get("MLC_DATA_TEST_SERVER"):
        assert server.parts == wanted
    if find("initdb"):
        assert "PostgreSQL" in server.parts
    if find("redis-server") and find("initdb"):
        assert "Redis" in server.parts, "prefect-redis is not installed: pip install '.[docker]'"


def test_deploying_again_changes_nothing(server: House) -> None:
    first = server.run(*COMMAND, "deploy")
    assert "created" in first
    assert "updated" not in first
    before = server.ask("/deployments/filter")
    automations = server.ask("/automations/filter")
    second = server.run(*COMMAND, "deploy")
    assert "created" not in second
    after = server.ask("/deployments/filter")
    assert {one["id"] for one in after} == {one["id"] for one in before}
    assert len(after) == 7
    assert {one["name"] for one in server.ask("/work_pools/filter")} == {"cpu", "gpu"}
    again = server.ask("/automations/filter")
    assert [one["id"] for one in again] == [one["id"] for one in automations]
    assert [(one["name"], one["enabled"]) for one in again] == [("mlc-data heartbeat", True)]
    assert len(deployment(server, "refresh", "weekly")["schedules"]) == 1


def test_the_schedule_has_created_runs(deployed: House) -> None:
    weekly = deployment(deployed, "refresh", "weekly")
    told = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text())["deployments"]
    (schedule,) = next(one for one in told if one["name"] == "weekly")["schedules"]
    runs = deployed.wait(
        "/flow_runs/filter",
        90,
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
    ("given", "told"),
    [
        ({"recipe": "quikstart"}, "a shipped recipe's name (m2m100-418m"),
        ({"recipe": 7}, "is not of type 'string'"),
        ({"overrides": ["align.loss.weight"]}, "dotted.key=value"),
        ({"recipe": "./mine", "overrides": ["algin.seed=1"]}, "a section of the recipe (name"),
        ({"repo": "nobody"}, "unknown parameter repo"),
    ],
)
def test_a_wrong_parameter_is_refused_before_anything_starts(
    deployed: House, given: dict[str, Any], told: str
) -> None:
    # The schedule's runs come and go.
    ours = {"flows": {"name": {"any_": ["build-and-align"]}}}
    before = deployed.ask("/flow_runs/count", **ours)
    own = [part for key, value in given.items() for part in ("--param", f"{key}={value}")]
    said = deployed.run(*COMMAND, "trigger", "build-and-align", *own, code=2)
    assert told in said
    if set(given) != {"repo"}:
        # The UI's form, and anybody else who asks for a run.
        with pytest.raises(httpx.HTTPStatusError, match="409"):
            one = deployment(deployed, "build-and-align", "local")
            deployed.ask(f"/deployments/{one['id']}/create_flow_run", parameters=given)
    assert deployed.ask("/flow_runs/count", **ours) == before


def test_a_key_that_the_recipe_does_not_know_is_told_at_once(deployed: House) -> None:
    own = ("trigger", "align", "--set", "align.loss.temprature=1")
    assert "did you mean 'temperature'?" in deployed.run(*COMMAND, *own, code=2)
    assert "build-and-align/local" in deployed.run(*COMMAND, "trigger", "aling", code=2)


def test_runs_end_as_they_should(deployed: House, walked: Walked, tmp_path: Path) -> None:
    """Overlap, a killed worker, a whole run meanwhile, and the refresh after it: in the order of a bad day."""
    weekly = deployment(deployed, "refresh", "weekly")["id"]
    mine = {"deployment_id": {"any_": [weekly]}, "state": {"name": {"any_": ["Running"]}}}
    # Enough to translate for minutes: it is cancelled or killed before its end.
    prompts = [
        {"prompt": f"How do I prepare for exam number {number}?"} for number in range(20_000)
    ]
    own = write_jsonl(tmp_path / "many.jsonl", prompts)
    slow = (f"sources.prompts.path={own}", f"translate.cache={tmp_path / 'cache'}")
    slow = (*slow, "translate.beam_size=8", "refresh.retrain=never")

    # Nobody works: the run waits, and the command says why.
    follower = subprocess.Popen(
        [sys.executable, *COMMAND, "trigger", "refresh", *parameters(tmp_path / "slow", *slow)],
        cwd=REPOSITORY, env=deployed.environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    assert follower.stdout
    said = [follower.stdout.readline() for _ in range(2)]
    assert "no worker serves the pool 'cpu'" in said[1], said
    first = deployed.start("worker", "start", "--pool", "cpu", log="worker-1")
    (running,) = deployed.wait("/flow_runs/filter", 120, flow_runs=mine)

    # Ctrl-C: the command leaves, the run goes on.
    while not (line := follower.stdout.readline()).startswith(
        f"refresh/{running['name']}: Running"
    ):
        assert line, said
    follower.send_signal(signal.SIGINT)
    rest, _ = follower.communicate(timeout=60)
    assert follower.returncode == 130, rest
    assert f"prefect flow-run watch {running['id']}" in rest

    # A second one beside it is cancelled.
    told = deployed.run(
        *COMMAND, "trigger", "refresh/weekly", *parameters(tmp_path / "second", *slow), code=1
    )
    assert "ended as Cancelled" in told
    assert not (tmp_path / "second").exists()

    # The machine goes, with its worker and the run.
    beat = {
        "event": {"name": ["prefect.flow-run.heartbeat"]},
        "resource": {"id": [f"prefect.flow-run.{running['id']}"]},
    }
    deployed.wait_for_state(running["id"], {"Running"}, 1)
    deadline = time.monotonic() + 60
    while not deployed.ask("/events/filter", filter=beat)["events"]:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    kill_tree(first)
    killed = time.monotonic()

    # Another one works on; a whole run goes by.
    deployed.start("worker", "start", "--pool", "cpu", log="worker-2")
    run = tmp_path / "whole"
    command = ("--no-prompt", "deployment", "run", "build-and-align/local", "--watch")
    watched = deployed.run("-m", "prefect", *command, *parameters(run, *SHORT, *TINY))
    assert "Completed" in watched
    assert (run / "checkpoint" / "model.safetensors").is_file()
    _shows(deployed, run)

    # By now, or soon, the killed one is told dead, and lets the next one through.
    assert deployed.wait_for_state(running["id"], {"Crashed"}, 150) == "Crashed"
    assert time.monotonic() - killed > 60, "told dead before three heartbeats could be missed"
    after = parameters(tmp_path / "next", "sources.prompts.limit=6", "refresh.retrain=never")
    told = deployed.run(*COMMAND, "trigger", "refresh", *after)
    assert "Completed" in told
    # The library's own lines, from a task within the flow.
    assert "translate: done in" in told
    assert read_manifest(tmp_path / "next" / "manifest.json").counts.sets


def _shows(deployed: House, run: Path) -> None:
    """What the UI shows of a run that has ended."""
    artifacts = {one["key"]: one for one in deployed.ask("/artifacts/latest/filter")}
    counts = read_manifest(run / "manifest.json").counts.by_language
    assert counts
    rows = yaml.safe_load(artifacts["languages-quickstart"]["data"])
    assert {row["language"]: (row["kept"], row["rejected"]) for row in rows} == {
        code: (one.kept, sum(one.rejected.values())) for code, one in counts.items()
    }
    summary = artifacts["summary-quickstart"]["data"]
    assert "| retrieval of the own prompt |" in summary
    assert "| before | after |" in summary
    assert run.as_uri() in artifacts["report-quickstart"]["data"]
    flows = deployed.ask("/flow_runs/filter", flow_runs={"tags": {"all_": ["mlc-data"]}})
    assert {"build-variants", "align"} <= {
        flow["name"]
        for flow in deployed.ask(
            "/flows/filter", flow_runs={"id": {"any_": [one["id"] for one in flows]}}
        )
    }
    logs = deployed.ask("/logs/filter", logs={"level": {"ge_": 20}}, limit=200)
    assert any("sets: done in" in line["message"] for line in logs)
