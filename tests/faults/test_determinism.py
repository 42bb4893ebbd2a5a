"""The same content, whatever the threads, the shards and the order of the rows."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from mlc_data.core.manifest import StageRecord
from mlc_data.execute import first_pending, run_stages
from mlc_data.pipeline.run import Run

pytestmark = pytest.mark.integration

PROMPTS = [
    {"prompt": f"How do I {verb} {thing}?"}
    for verb in ("wash", "sharpen", "wrap", "hide")
    for thing in ("a car", "a kitchen knife", "a present")
]
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
        {"translate": {"shard_prompts": 5}, "runner": {"workers": 3}},
        {"translate": {"inter_threads": 3, "intra_threads": 2}},
        {"translate": {"batch_tokens": 16}},
    ],
    ids=["a shard a prompt", "three workers", "threads", "small batches"],
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
