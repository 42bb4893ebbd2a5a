"""Fixtures of many tests: a small recipe and a run made from it; how tests are shared out."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from process_guard import ProcessGuard
from support import SMALL, write_jsonl

from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import parse_recipe
from mlc_data.recipe.recipe import Recipe

TOGETHER = ("tests/end_to_end/", "tests/align/distributed/")
"""Folders whose tests share what is slow to make."""
ALONE = "tests/end_to_end/test_terminal.py"
"""Shares nothing with the other tests of its folder."""
SLOW = (
    "tests/faults/", "tests/align/", "tests/docs/", "tests/report/page/", "tests/hostile/",
    "tests/publish/", "tests/refresh/", "tests/lm/", "tests/examples/", "tests/cli/", "tests/evaluate/",
)  # fmt: skip
"""Begin the paths of other slow tests, the slowest first: what comes last is short, so that all processes end together."""
GUARD = pytest.StashKey[ProcessGuard]()


def pytest_configure(config: pytest.Config) -> None:
    """Start the guard before anything that it has to end."""
    config.stash[GUARD] = ProcessGuard()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End what the tests have left."""
    config.stash[GUARD].close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the slowest tests first."""
    items.sort(key=lambda item: order_of(item.nodeid))


def order_of(nodeid: str) -> int:
    """Return the place of a test's file among the slow ones."""
    scope = scope_of(nodeid)
    first = (*TOGETHER, ALONE)
    if scope in first:
        return first.index(scope)
    places = (n for n, path in enumerate(SLOW) if scope.startswith(path))
    return len(first) + next(places, len(SLOW))


def scope_of(nodeid: str) -> str:
    """Return what the tests that run in the same process as this one have in common: file or folder."""
    file = nodeid.partition("::")[0]
    folders = (folder for folder in TOGETHER if file.startswith(folder) and file != ALONE)
    return next(folders, file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `pytest -n`, tests of a file, and of a folder of `TOGETHER`, run in one process."""
    from xdist.scheduler import LoadScopeScheduling

    class ScopeScheduling(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return scope_of(nodeid)

    return ScopeScheduling(config, log)


@pytest.fixture(scope="session")
def process_guard(pytestconfig: pytest.Config) -> ProcessGuard:
    """Guard that ends named processes with pytest; all others that a test starts it finds itself."""
    return pytestconfig.stash[GUARD]


@pytest.fixture
def small() -> dict[str, Any]:
    """A recipe as a mapping, to be changed by the test."""
    return copy.deepcopy(SMALL)


@pytest.fixture
def make_run(tmp_path: Path, small: dict[str, Any]) -> Callable[..., Run]:
    """Make a run whose prompts are the given rows."""

    def make(rows: Sequence[object], **sections: Any) -> Run:
        small["sources"]["prompts"]["path"] = str(write_jsonl(tmp_path / "prompts.jsonl", rows))
        for name, section in sections.items():
            small[name] = {**small.get(name, {}), **section}
        recipe: Recipe = parse_recipe(small, "test")
        return Run.create(recipe, tmp_path / "run")

    return make
