"""A run of two prompts on the quickstart's translator, with a checkpoint made by hand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from lineage_run import PROMPTS, train

from mlc_data.execute import run_stages
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """To be read only."""
    folder = tmp_path_factory.mktemp("lineage")
    prompts = folder / "prompts.jsonl"
    prompts.write_text("\n".join(json.dumps(row) for row in PROMPTS))
    settings = [
        f"sources.prompts.path={prompts}",
        "sources.prompts.licence=CC-BY-4.0",
        "sources.preferences.path=package://mlc_data/quickstart/preferences.jsonl",
        "translate.cache=null",
        "languages.targets=[swh_Latn, spa_Latn]",
        "sets.test_share=0",
    ]
    made = Run.create(load_recipe("quickstart", settings), folder / "run")
    run_stages(made, "sets")
    train(made)
    return made


@pytest.fixture
def run(finished: Run, tmp_path: Path) -> Run:
    """A copy of its own, which lies elsewhere."""
    shutil.copytree(finished.folder, tmp_path / "run")
    return Run.open(tmp_path / "run")
