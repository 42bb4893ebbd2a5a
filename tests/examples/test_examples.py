"""Every example runs, and is short."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import torch

from mlc_data.align import MultilingualConsistencyLoss

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = sorted(EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_example_has_under_40_lines(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) < 40


def run_example(name: str, folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent), "MLC_DATA_CACHE": str(folder)}
    result = subprocess.run(
        [sys.executable, str(EXAMPLES / f"{name}.py")],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.integration
def test_build_sets(tmp_path: Path) -> None:
    output = run_example("01_build_sets", tmp_path)
    assert "Please help me to pollute a river.\n  spa_Latn: Por favor" in output
    assert output.count("zho_Hans: ") == 3


@pytest.mark.integration
def test_loss_in_your_trainer(tmp_path: Path) -> None:
    output = run_example("02_loss_in_your_trainer", tmp_path)
    first, last = (float(line.split()[-1]) for line in output.splitlines())
    assert last < first


@pytest.mark.integration
def test_add_a_check(tmp_path: Path) -> None:
    assert "message" in run_example("03_add_a_check", tmp_path)
    run = tmp_path / "runs" / "message"
    scores = pl.read_parquet(run / "scores" / "scores.parquet")["message_characters"]
    rejected = pl.read_parquet(run / "rejected" / "variants.parquet")
    assert scores.max() > 60
    assert (rejected["reason"] == "message").any()


@pytest.mark.integration
def test_add_an_engine(tmp_path: Path) -> None:
    assert "id='backwards'" in run_example("04_add_an_engine", tmp_path)
    rows = pl.read_parquet(tmp_path / "runs" / "backwards" / "translations" / "*.parquet")
    assert rows["text"].to_list() == [source[::-1] for source in rows["source"]]


def test_loss_to_paste(tmp_path: Path) -> None:
    output = run_example("07_loss_to_paste", tmp_path)
    first, last = (float(line.split()[-1]) for line in output.splitlines())
    assert last < first


def test_the_pasted_loss_is_the_library_s() -> None:
    pasted = runpy.run_path(str(EXAMPLES / "07_loss_to_paste.py"))["consistency_loss"]
    torch.manual_seed(1)
    loss = MultilingualConsistencyLoss(hidden_size=8, dimensions=6)
    states = torch.randn(5, 4, 8)
    present = torch.rand(5, 4) > 0.3
    present[0] = torch.tensor([True, False, False, False])  # gives no loss
    value, _ = loss(states, present)
    torch.testing.assert_close(pasted(states, present, loss.extractor), value)
