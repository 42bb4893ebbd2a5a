"""docker-compose.yml without an engine: names that must agree, pins and health checks."""

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


def test_it_fits_the_compose_specification() -> None:
    command = ["check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]
    subprocess.run([sys.executable, "-m", *command], check=True, capture_output=True)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_is_pinned_healthy_and_refers_to_what_exists(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[\w./-]+:\d+\.\d+(\.\d+)?(-[\w.]+)?", service["image"])
    assert service["healthcheck"].get("test") or service["healthcheck"] == {"disable": True}
    for other, wanted in service.get("depends_on", {}).items():
        assert SERVICES[other]["healthcheck"]["test"]
        assert wanted == {"condition": "service_healthy"}
    for volume in service.get("volumes", ()):
        source = volume.partition(":")[0]
        assert source.startswith(".") or source in COMPOSE["volumes"]


def test_the_parts_that_the_readme_promises_are_there() -> None:
    assert {"postgres", "redis", "server", "services", "worker-cpu", "worker-gpu"} <= set(SERVICES)
    assert SERVICES["worker-gpu"]["profiles"] == ["gpu"]
    devices = SERVICES["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices[0]["capabilities"] == ["gpu"]
    assert "profiles" not in SERVICES["worker-cpu"]


def test_the_servers_image_is_the_version_that_we_pin() -> None:
    pinned = (REPOSITORY / "constraints.txt").read_text()
    version = re.search(r"^prefect==(.+)$", pinned, re.MULTILINE)
    assert version
    for name in ("server", "services"):
        assert SERVICES[name]["image"].startswith(f"prefecthq/prefect:{version[1]}-")


def test_every_deployment_points_at_a_flow_of_that_pool() -> None:
    deployments = yaml.safe_load((REPOSITORY / "prefect.yaml").read_text())["deployments"]
    flows = {deployment["entrypoint"].rpartition(":")[2] for deployment in deployments}
    assert flows == {"build_variants", "align", "build_and_align", "publish"}
    for deployment in deployments:
        path, _, function = deployment["entrypoint"].partition(":")
        assert f"def {function}(" in (REPOSITORY / path).read_text()
        assert deployment["work_pool"]["name"] in SERVICES["worker-cpu"]["command"]
