"""One nursery for all tests of a process, and small runs in folders of their own."""

from __future__ import annotations

from collections.abc import Iterator

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
