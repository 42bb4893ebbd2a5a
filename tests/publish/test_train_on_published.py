"""A published folder goes into the example of TRL, and into `align probe`, without a run."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from published_run import WORDS
from safetensors.torch import load_file
from tiny_models import save_causal_lm
from typer.testing import CliRunner

from mlc_data.cli.main import app
from mlc_data.errors import SourceError, UsageError
from mlc_data.pipeline.run import Run
from mlc_data.publish.dataset import LicenseRequest
from mlc_data.publish.publication import to_folder
from mlc_data.sources.variant_sets import read_published

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def published(
    finished: Callable[..., Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Published folder of 12 prompts in four languages."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    to_folder(finished(), tmp_path / "data", LicenseRequest())
    return tmp_path / "data"


@pytest.mark.integration
def test_the_example_trains_with_both_losses(published: Path, tmp_path: Path) -> None:
    model = save_causal_lm(tmp_path / "model")
    environment = {
        **os.environ, "PYTHONPATH": str(EXAMPLES.parent), "HF_DATASETS_CACHE": str(tmp_path / "hf"),
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "06_train_with_trl.py"), str(published), str(model), "out"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "mlc/loss" in done.stdout
    before, after = (load_file(each / "model.safetensors") for each in (model, tmp_path / "out"))
    assert any((before[name] != after[name]).any() for name in before)


@pytest.mark.integration
def test_a_model_is_probed_on_a_published_folder(published: Path, tmp_path: Path) -> None:
    model = save_causal_lm(tmp_path / "model")
    arguments = ["align", "probe", "--model", str(model), "--dataset", str(published), "--json"]
    done = CliRunner().invoke(app, [*arguments, "--split", "train"], catch_exceptions=False)
    figures = json.loads(done.stdout)
    assert [each["layer"] for each in figures["layers"]] == [1, 2, 3, 4]
    assert all(each["loss"] > each["floor"] > 0 for each in figures["layers"])
    assert all(math.isfinite(each["retrieval"]) for each in figures["layers"])


@pytest.mark.integration
def test_sets_of_a_published_folder(published: Path) -> None:
    rows = [*read_published(str(published), "train"), *read_published(str(published), "test")]
    assert len(rows) == len(WORDS)
    assert {variant["language"] for row in rows for variant in row["variants"]} == {
        "spa_Latn", "swh_Latn", "zho_Hans",
    }  # fmt: skip
    assert len(read_published(str(published), "train", limit=2)) == 2


def test_a_file_of_other_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "prompts.parquet"
    pl.DataFrame({"prompt": ["How?"]}).write_parquet(path)
    with pytest.raises(SourceError, match="has no prompt_id, language, variants"):
        read_published(str(path), "test")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"^--dataset: .*/none does not exist"):
        read_published(str(tmp_path / "none"), "test")


def test_an_error_of_the_hub_names_the_option(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*_: object, **__: object) -> None:
        raise ValueError("Unknown split 'test'. Should be one of ['train'].")

    monkeypatch.setattr("datasets.load_dataset", absent)
    with pytest.raises(
        SourceError,
        match=r"^--dataset: 'org/none' could not be read: Unknown split.*--split names it",
    ):
        read_published("org/none", "test")


@pytest.mark.parametrize("given", [["--model", "m"], ["--dataset", "d"], []])
def test_a_model_and_a_data_set_go_together(given: list[str]) -> None:
    done = CliRunner().invoke(app, ["align", "probe", *given])
    assert isinstance(done.exception, UsageError)
    assert "--model and --dataset" in str(done.exception)


def test_a_run_has_its_own_model_and_sets() -> None:
    done = CliRunner().invoke(app, ["align", "probe", "runs/x", "--model", "m"])
    assert "not both" in str(done.exception)
