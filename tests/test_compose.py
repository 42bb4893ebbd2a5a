"""docker-compose.yml, Dockerfile and prefect.yaml without an engine: names that must agree, pins, health checks."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parent.parent
FILE = REPOSITORY / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()
STAGES = {name: source for source, name in re.findall(r"^FROM (\S+) AS (\S+)$", DOCKERFILE, re.M)}
WORKERS = ("worker-cpu", "worker-gpu", "deploy")
PINNED = re.compile(r"[\w./-]+:\d+\.\d+(\.\d+)?(-[\w.-]+)?")
VARIABLE = re.compile(r"\$\{(\w+)(?::[?-]([^}]*))?\}")


def test_it_fits_the_compose_specification() -> None:
    command = ["check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]
    subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_is_pinned_healthy_and_refers_to_what_exists(name: str) -> None:
    service = SERVICES[name]
    assert PINNED.fullmatch(service["image"])
    assert service["healthcheck"].get("test") or service["healthcheck"] == {"disable": True}
    for other, wanted in service.get("depends_on", {}).items():
        if SERVICES[other]["healthcheck"].get("test"):
            assert wanted == {"condition": "service_healthy"}
        else:
            assert wanted == {"condition": "service_completed_successfully"}
            assert SERVICES[other]["restart"] == "no"
    for volume in service.get("volumes", ()):
        source = VARIABLE.sub(lambda found: found[2], volume).partition(":")[0]
        assert source.startswith(".") or source in COMPOSE["volumes"]
    if "build" in service:
        assert service["build"]["target"] in STAGES


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_gains_no_rights(name: str) -> None:
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]
    assert SERVICES[name]["cap_drop"] == ["ALL"]


def test_workers_do_not_reach_the_messages_and_the_hub_s_token_goes_to_workers_alone() -> None:
    data = {name for name, service in SERVICES.items() if "data" in service.get("networks", ())}
    assert data.isdisjoint(WORKERS)
    assert "redis" in data
    tokens = {
        name for name, service in SERVICES.items() if "HF_TOKEN" in service.get("environment", {})
    }
    assert tokens == {"worker-cpu", "worker-gpu"}


def test_every_volume_is_used() -> None:
    used = [str(volume) for service in SERVICES.values() for volume in service.get("volumes", ())]
    for name in COMPOSE["volumes"]:
        assert any(re.match(rf"(\$\{{\w+:-)?{name}\b", volume) for volume in used), name


def test_the_parts_that_the_readme_promises_are_there() -> None:
    assert {"postgres", "redis", "server", "services", *WORKERS} <= set(SERVICES)
    assert SERVICES["worker-gpu"]["profiles"] == ["gpu"]
    devices = SERVICES["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices[0]["capabilities"] == ["gpu"]
    for name in set(SERVICES) - {"worker-gpu"}:
        assert "profiles" not in SERVICES[name]
    assert SERVICES["deploy"]["command"] == ["mlc-data", "deploy"]


def test_the_servers_image_is_the_version_that_we_pin() -> None:
    pinned = (REPOSITORY / "constraints.txt").read_text()
    version = re.search(r"^prefect==(.+)$", pinned, re.MULTILINE)
    assert version
    for name in ("server", "services"):
        assert SERVICES[name]["image"].startswith(f"prefecthq/prefect:{version[1]}-")
    deployments = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text())
    assert deployments["prefect-version"] == version[1]


def test_the_server_listens_here_only_and_asks_who_is_there() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published == {"server": ["127.0.0.1:4200:4200"]}
    for name in ("server", "services"):
        auth = SERVICES[name]["environment"]["PREFECT_SERVER_API_AUTH_STRING"]
        assert auth.startswith("${MLC_DATA_AUTH:?")
    for name in ("services", *WORKERS):
        auth = SERVICES[name]["environment"]["PREFECT_API_AUTH_STRING"]
        assert auth.startswith("${MLC_DATA_AUTH:?")


def test_secrets_come_from_the_environment_file_and_nowhere_else() -> None:
    example = (REPOSITORY / ".env.example").read_text()
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            if re.search(r"TOKEN|PASSWORD|AUTH|CONNECTION_URL", key):
                found = VARIABLE.search(value)
                assert found, key
                assert not re.sub(r"^set it in .*", "", found[2] or ""), "a default is no secret"
    named = {name for name, _ in VARIABLE.findall(FILE.read_text())}
    assert named == set(re.findall(r"^(?:# )?([A-Z_]+)=", example, re.MULTILINE))
    assert not re.search(r"^[A-Z_]+=.+$", example, re.MULTILINE)
    assert ".env" in (REPOSITORY / ".gitignore").read_text().splitlines()


@pytest.mark.parametrize("target", ["cpu", "cuda"])
def test_an_image_runs_as_a_user_without_rights_who_owns_the_volumes(target: str) -> None:
    source = STAGES[target]
    while source in STAGES:
        source = STAGES[source]
    assert PINNED.fullmatch(source)
    stage = DOCKERFILE.partition(f" AS {target}\n")[2].partition("\nFROM ")[0]
    assert re.findall(r"^USER (.+)$", stage, re.MULTILINE) == ["worker"]
    owned = re.search(r"--owner=worker (.+)$", DOCKERFILE, re.MULTILINE)
    assert owned
    mounted = {
        VARIABLE.sub("x", volume).split(":")[1] for volume in SERVICES["worker-cpu"]["volumes"]
    }
    assert mounted == set(owned[1].split())
    for copied in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE):
        for path in copied.split()[:-1]:
            assert (REPOSITORY / path).exists()
            assert f"!{path}" in (REPOSITORY / ".dockerignore").read_text().splitlines()
    # A worker's command stands twice: in the image, and in the composition.
    worker = next(one for one in WORKERS if SERVICES[one]["build"]["target"] == target)
    command = yaml.safe_load(stage.rpartition("\nCMD ")[2])
    assert command == SERVICES[worker]["command"]


def test_every_deployment_points_at_a_flow_and_a_pool_that_a_worker_serves() -> None:
    deployments = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text())["deployments"]
    served = {
        command[command.index("--pool") + 1]
        for command in (SERVICES[name]["command"] for name in WORKERS)
        if "--pool" in command
    }
    names = set()
    for deployment in deployments:
        package, module, function = deployment["entrypoint"].removeprefix("mlc_data.").split(".")
        source = (REPOSITORY / package / f"{module}.py").read_text()
        assert f"def {function}(" in source
        assert deployment["work_pool"]["name"] in served
        environment = deployment["work_pool"]["job_variables"]["env"]
        assert environment["PREFECT_LOGGING_EXTRA_LOGGERS"] == "mlc_data"
        assert deployment["tags"] == ["mlc-data"]
        flow = re.search(r'@flow\(name="([^"]+)"', source)
        assert flow
        names.add(f"{flow[1]}/{deployment['name']}")
    assert len(names) == len(deployments)
    assert names == {
        "build-variants/local", "align/local", "build-and-align/local", "refresh/weekly",
        "publish/local", "align/gpu", "build-and-align/gpu",
    }  # fmt: skip


def test_a_run_is_taken_for_dead_after_three_heartbeats_at_the_least() -> None:
    deployments = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text())["deployments"]
    automations = yaml.safe_load((REPOSITORY / "flows" / "automations.yaml").read_text())
    (heartbeat,) = automations["automations"]
    for deployment in deployments:
        environment = deployment["work_pool"]["job_variables"]["env"]
        seconds = int(environment["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"])
        assert heartbeat["trigger"]["within"] >= 3 * seconds
        tag = heartbeat["trigger"]["match_related"]["prefect.resource.id"]
        assert tag.removeprefix("prefect.tag.") in deployment["tags"]
    assert heartbeat["actions"][0]["state"] == "CRASHED"
    ends = {
        f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")
    }
    assert ends <= set(heartbeat["trigger"]["expect"])
