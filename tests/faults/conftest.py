"""One nursery for all tests of a process, and small runs in folders of their own."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fault_harness import Nursery, SmallRun, State, recipe, undisturbed


@pytest.fixture(scope="package")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    """What starts commands."""
    with Nursery(tmp_path_factory.mktemp("nursery")) as started:
        yield started


@pytest.fixture(scope="package")
def whole(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    """A run that nothing has disturbed; tests only read it."""
    folder = tmp_path_factory.mktemp("whole")
    run = SmallRun(nursery, folder, recipe(folder))
    undisturbed(run)
    return run


@pytest.fixture(scope="package")
def expected(whole: SmallRun) -> State:
    """State of the undisturbed run."""
    return State.of(whole)


@pytest.fixture
def run(whole: SmallRun, tmp_path: Path) -> SmallRun:
    """The finished run, copied."""
    return whole.elsewhere(tmp_path, copied=True)


@pytest.fixture
def empty(whole: SmallRun, tmp_path: Path) -> SmallRun:
    """The same run, not begun."""
    return whole.elsewhere(tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount a file system of its own, with options; skipped where that is not allowed."""
    mounted: list[Path] = []

    def mount(options: str) -> Path:
        folder = tmp_path / f"disk {len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)
