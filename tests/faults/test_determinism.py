"""The same content, whatever the threads, the shards and the order of the rows."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from refresh_support import SPREAD

from mlc_data.core.manifest import StageRecord
from mlc_data.execute import first_pending, run_stages
from mlc_data.pipeline.run import Run

pytestmark = pytest.mark.integration

PROMPTS = [{"prompt": text} for text in SPREAD[:14]]
SETTINGS: dict[str, Any] = {"rescue": {"rungs": ["nbest"]}, "sets": {"test_share": 0.3}}


def built(make_run: Callable[..., Run], rows: list[Any], **sections: Any) -> dict[str, Any]:
    run = make_run(rows, **{**SETTINGS, **sections})
    run_stages(run, "sets")
    return run.manifest.content_hash.model_dump()


@pytest.fixture
def plain(make_run: Callable[..., Run]) -> dict[str, Any]:
    return built(make_run, PROMPTS)


@pytest.mark.parametrize(
    "sections",
    [
        {"translate": {"shard_prompts": 1}},
        {"translate": {"shard_prompts": 2}},
        {"translate": {"shard_prompts": 5}, "runner": {"workers": 3}},
        {"translate": {"inter_threads": 3, "intra_threads": 2}},
        {"translate": {"batch_tokens": 16}},
    ],
    ids=[
        "a shard a prompt",
        "seven shards",
        "three shards and workers",
        "threads",
        "small batches",
    ],
)
def test_threads_shards_workers_and_batches_change_nothing(
    make_run: Callable[..., Run], plain: dict[str, Any], sections: dict[str, Any], tmp_path: Any
) -> None:
    (tmp_path / "run").rename(tmp_path / "plain")
    assert built(make_run, PROMPTS, **sections) == plain


@pytest.mark.parametrize("seed", [1, 2])
def test_the_order_of_the_rows_changes_nothing(
    make_run: Callable[..., Run], plain: dict[str, Any], seed: int, tmp_path: Any
) -> None:
    (tmp_path / "run").rename(tmp_path / "plain")
    rows = random.Random(seed).sample(PROMPTS, len(PROMPTS))
    assert built(make_run, rows) == plain


def test_the_threads_of_polars_change_nothing(
    make_run: Callable[..., Run], plain: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "run").rename(tmp_path / "plain")
    folder = make_run(PROMPTS, **SETTINGS).folder
    line = (
        "import sys; from pathlib import Path; from mlc_data.pipeline.run import Run; "
        "from mlc_data.execute import run_stages; run = Run.open(Path(sys.argv[1])); "
        "run_stages(run, 'sets'); import polars; print(polars.thread_pool_size())"
    )
    threads = 1 if pl.thread_pool_size() > 1 else 2
    done = subprocess.run(
        [sys.executable, "-c", line, str(folder)],
        env={**os.environ, "POLARS_MAX_THREADS": str(threads)},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    assert int(done.stdout.split()[-1]) == threads
    assert Run.open(folder).manifest.content_hash.model_dump() == plain


def test_the_manifest_names_the_machine_and_another_one_redoes_nothing(
    make_run: Callable[..., Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(PROMPTS[:3])
    run_stages(run, "sets")
    record: StageRecord = run.manifest.stages["translate"]
    assert record.machine
    monkeypatch.setattr("mlc_data.pipeline.stage.machine_class", lambda: "another machine")
    assert first_pending(run, tuple(run.manifest.stages)) is None
    assert set(run_stages(run, "sets").values()) == {True}
