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
"""Folders whose tests share what is slow to make. Longest first."""
GUARD = pytest.StashKey[ProcessGuard]()


def pytest_configure(config: pytest.Config) -> None:
    """Start the guard before anything that it has to end."""
    config.stash[GUARD] = ProcessGuard()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End what the tests have left."""
    config.stash[GUARD].close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the folders `TOGETHER` first: they take longest, and mostly wait."""
    order = {folder: number for number, folder in enumerate(TOGETHER)}
    items.sort(key=lambda item: order.get(scope_of(item.nodeid), len(order)))


def scope_of(nodeid: str) -> str:
    """Return what the tests that run in the same process as this one have in common: file or folder."""
    folders = (folder for folder in TOGETHER if nodeid.startswith(folder))
    return next(folders, nodeid.partition("::")[0])


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
