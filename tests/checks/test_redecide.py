"""New thresholds are decided from stored scores: no model is loaded for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ctranslate2
import fasttext
import polars as pl
import pytest

from mlc_data.execute import run_stages
from mlc_data.language_id.loading import load_identifier
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe

pytestmark = pytest.mark.integration

SETTINGS = ["sources.prompts.limit=12", "translate.cache=null"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real run of the quickstart's translator and checks."""
    folder = tmp_path_factory.mktemp("redecide") / "run"
    run_stages(Run.create(load_recipe("quickstart", SETTINGS), folder), "sets")
    return folder


def test_no_weights_are_loaded_to_decide_again(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[str] = []

    def loading(what: str) -> Any:
        def load(*_: Any, **__: Any) -> Any:
            loads.append(what)
            raise AssertionError(f"{what} is loaded")

        return load

    monkeypatch.setattr(ctranslate2, "Translator", loading("the translation model"))
    monkeypatch.setattr(fasttext, "load_model", loading("the language identifier"))
    load_identifier.cache_clear()
    before = pl.read_parquet(finished / "variants" / "variants.parquet")
    stricter = [*SETTINGS, "checks.length.max_ratio=1.1", "checks.language_id.max_against=-1"]
    run = Run.create(load_recipe("quickstart", stricter), finished)
    reused = run_stages(run, "sets")
    assert not loads
    assert reused == {
        "sources": True, "translate": True, "score": True, "rescue": True, "check": False,
        "sets": False,
    }  # fmt: skip
    after = pl.read_parquet(finished / "variants" / "variants.parquet")
    assert 0 < after.height < before.height
    assert after["length_ratio"].max() <= 1.1
    # The counter counts: to score again, the identifier is loaded.
    with pytest.raises(AssertionError, match="the language identifier is loaded"):
        run_stages(run, "score", force=True)
    load_identifier.cache_clear()
