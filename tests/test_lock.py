"""Lock file: every dependency has a pin within its range, for each Python version; `make lock` writes it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def lines(name: str) -> list[Requirement]:
    """Return the requirements of a file, without comments."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return [Requirement(line) for line in text.splitlines() if line and not line.startswith("#")]


def needed() -> Iterator[Requirement]:
    """Yield all dependencies, those of the extras too, but for the project itself."""
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    for requirement in (Requirement(text) for group in groups for text in group):
        if requirement.name != PROJECT["name"]:
            yield requirement


@pytest.mark.parametrize("python", PYTHONS)
def test_every_dependency_has_one_pin_within_its_range(python: str) -> None:
    environment = {
        "python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux",
        "platform_system": "Linux", "platform_machine": "x86_64", "os_name": "posix",
        "implementation_name": "cpython", "platform_python_implementation": "CPython",
    }  # fmt: skip
    pins: dict[str, list[str]] = {}
    for pin in lines("constraints.txt"):
        if pin.marker is None or pin.marker.evaluate(environment):
            (exact,) = pin.specifier
            assert exact.operator == "=="
            pins.setdefault(canonicalize_name(pin.name), []).append(exact.version)
    assert all(len(versions) == 1 for versions in pins.values())
    for requirement in needed():
        versions = pins.get(canonicalize_name(requirement.name), [])
        assert versions, f"{requirement.name} has no pin: make lock"
        assert requirement.specifier.contains(versions[0]), requirement


def test_what_cannot_be_resolved_is_pinned_too() -> None:
    locked = {str(pin) for pin in lines("constraints.txt")}
    assert {str(pin) for pin in lines("constraints.in")} <= locked


def test_the_file_says_how_it_is_made() -> None:
    assert "make lock" in (ROOT / "constraints.txt").read_text(encoding="utf-8")[:200]
