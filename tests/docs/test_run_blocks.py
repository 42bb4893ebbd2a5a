"""Blocks that are marked `run` run, page by page in their order, in a folder with a small finished run.

The folder has runs/mine and runs/quickstart (20 prompts, three languages, the real translator, and a stand-in for the
checkpoint), mine.jsonl and translations.csv. Commands run in the process of the tests.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import polars as pl
import pytest
from doc_blocks import Block, all_blocks, command_lines
from lineage_run import train
from typer.testing import CliRunner

from mlc_data.cli.main import app
from mlc_data.execute import run_stages
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe

pytestmark = pytest.mark.integration

RUN = [block for block in all_blocks() if block.words == ("run",)]
PAGES = {page: list(blocks) for page, blocks in groupby(RUN, key=lambda block: block.page)}
SETTINGS = (
    "name=mine",
    "sources.prompts.path=mine.jsonl",
    "languages.targets=[spa_Latn, swh_Latn, zho_Hans]",
    "checks.meaning.encoder=null",
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a reader who has built variant sets and trained on them."""
    folder = tmp_path_factory.mktemp("reader")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MLC_DATA_CACHE", str(folder / "cache"))
        shipped = load_recipe("quickstart").sources.prompts.path
        assert shipped is not None
        source = Path(__file__).parents[2] / shipped.removeprefix("package://")
        rows = source.read_text(encoding="utf-8").splitlines()[:20]
        Path("mine.jsonl").write_text("\n".join(rows) + "\n", encoding="utf-8")
        run = Run.create(load_recipe("quickstart", SETTINGS), Path("runs/mine"))
        run_stages(run, "sets")
        train(run)
        shutil.copytree("runs/mine", "runs/quickstart")
        variants = pl.read_parquet("runs/mine/variants/*.parquet")
        variants.select(prompt="source", language="language", variant="text").head(30).write_csv(
            "translations.csv"
        )
        assert json.loads(rows[0])["prompt"]
    return folder


@pytest.fixture
def reader(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Copy of that folder, so that no page depends on another."""
    folder = tmp_path / "reader"
    shutil.copytree(finished, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLC_DATA_CACHE", str(folder / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    yield folder


def run_block(block: Block) -> None:
    """Run a block's commands or program; the first that fails ends it.

    Raises:
        AssertionError: a command leaves with another code than 0.
    """
    if block.language == "python":
        exec(compile(block.text, block.id, "exec"), {"__name__": "__main__"})
        return
    for line in command_lines(block):
        program, *arguments = line.arguments
        assert program == "mlc-data", (
            f"{block.id}: only mlc-data can be run by the tests, not {program}"
        )
        done = CliRunner().invoke(app, arguments)
        assert done.exit_code == 0, f"{line.id}: {done.exception or done.output}"


def test_there_are_blocks_to_run() -> None:
    assert len(RUN) > 20


@pytest.mark.parametrize("page", PAGES)
def test_the_blocks_of_a_page_run(page: str, reader: Path) -> None:
    for block in PAGES[page]:
        run_block(block)


def test_a_command_that_fails_is_noticed(reader: Path) -> None:
    with pytest.raises(AssertionError, match="nowhere"):
        run_block(Block("page", 1, "bash", ("run",), "mlc-data explain runs/nowhere row:1"))
