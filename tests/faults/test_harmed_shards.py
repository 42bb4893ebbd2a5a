"""A finished shard that was harmed is done again; it is never taken as it is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mlc_data.errors import MlcDataError
from mlc_data.execute import run_stage
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.sharding import using
from mlc_data.pipeline.sharding.shard import Shard, do
from mlc_data.pipeline.sharding.workers import Done
from mlc_data.stages import NAMES

pytestmark = pytest.mark.integration

PROMPTS = [{"prompt": f"How do I bake bread number {n}?"} for n in range(6)]
HARMS = [
    "text", "bit", "cut table", "empty table", "zeros", "no table", "content hash", "cut record",
    "empty record", "no object", "deep record", "record of another version",
]  # fmt: skip


class Stops:
    """Does shards one after another, and stops after ``limit``."""

    in_process = remote = False

    def __init__(self, limit: int = 99) -> None:
        self.limit, self.did = limit, list[int]()

    def do(self, shards: Sequence[Shard], done: Done) -> None:
        for shard in shards:
            if len(self.did) == self.limit:
                raise MlcDataError("stopped")
            done(shard, do(shard))
            self.did.append(shard.number)


def harm(folder: Path, how: str) -> None:
    table, record = folder / "part-00000.parquet", folder / "part-00000.json"
    content: dict[str, Any] = json.loads(record.read_text())
    match how:
        case "text":
            frame = pl.read_parquet(table)
            column = "text" if "text" in frame.columns else frame.columns[-1]
            value = "harmed" if column == "text" else 0.125
            frame.with_columns(pl.lit(value).alias(column)).write_parquet(table)
        case "bit":
            data = bytearray(table.read_bytes())
            data[len(data) // 2] ^= 1
            table.write_bytes(data)
        case "cut table":
            table.write_bytes(table.read_bytes()[:-20])
        case "empty table":
            table.write_bytes(b"")
        case "zeros":
            table.write_bytes(bytes(table.stat().st_size))
        case "no table":
            table.unlink()
        case "content hash":
            first, *rest = content["result"]["content"]
            content["result"]["content"] = ["0" * len(first), *rest]
            record.write_text(json.dumps(content))
        case "cut record":
            record.write_bytes(record.read_bytes()[:-5])
        case "empty record":
            record.write_bytes(b"")
        case "no object":
            record.write_text("[1, 2]")
        case "deep record":
            record.write_text("[" * 100_000)
        case "record of another version":
            record.write_text(json.dumps(content["result"]))


def hashes(run: Run) -> dict[str, Any]:
    return run.manifest.content_hash.model_dump()


def finished_elsewhere(run: Run, stage: str) -> dict[str, Any]:
    """Return the hashes of a copy of the run in which nothing disturbs the stage."""
    copied = Run(run.recipe, shutil.copytree(run.folder, run.folder.with_name("undisturbed")))
    run_stage(copied, stage)
    return hashes(copied)


@pytest.mark.parametrize("how", HARMS)
def test_a_harmed_shard_of_translations_is_done_again(
    make_run: Callable[..., Run], how: str, caplog: pytest.LogCaptureFixture
) -> None:
    run = make_run(PROMPTS, translate={"shard_prompts": 2})
    run_stage(run, "sources")
    whole = finished_elsewhere(run, "translate")
    with using(Stops(1)), pytest.raises(MlcDataError, match="stopped"):
        run_stage(run, "translate")
    (folder,) = run.path(".shards-translate").iterdir()
    harm(folder, how)
    again = Stops()
    with using(again):
        run_stage(run, "translate")
    assert again.did == [0, 1, 2]
    assert hashes(run) == whole
    if how != "no table":
        assert "is done again" in caplog.text


@pytest.mark.parametrize("how", ["text", "content hash"])
@pytest.mark.parametrize("stage", ["score", "rescue"])
def test_so_is_one_of_any_stage(make_run: Callable[..., Run], stage: str, how: str) -> None:
    run = make_run(PROMPTS, translate={"shard_prompts": 2}, rescue={"rungs": ["nbest"]})
    for name in NAMES[: NAMES.index(stage)]:
        run_stage(run, name)
    whole = finished_elsewhere(run, stage)
    with using(Stops(1)), pytest.raises(MlcDataError, match="stopped"):
        run_stage(run, stage)
    (folder,) = run.path(f".shards-{stage}").iterdir()
    harm(folder, how)
    again = Stops()
    with using(again):
        run_stage(run, stage)
    assert again.did == [0, 1, 2]
    assert (
        hashes(run)[{"score": "scores", "rescue": "attempts"}[stage]]
        == whole[{"score": "scores", "rescue": "attempts"}[stage]]
    )


def test_one_that_is_harmed_before_it_is_taken_in_is_refused(make_run: Callable[..., Run]) -> None:
    run = make_run(PROMPTS, translate={"shard_prompts": 2})
    run_stage(run, "sources")

    class Harms(Stops):
        def do(self, shards: Sequence[Shard], done: Done) -> None:
            super().do(shards, done)
            harm(shards[0].folder, "text")

    with using(Harms()), pytest.raises(MlcDataError, match="was changed since it was written"):
        run_stage(run, "translate")
    assert "translate" not in run.manifest.stages
    run_stage(run, "translate")
    texts = pl.read_parquet(sorted(run.path("translations").glob("*.parquet")))["text"]
    assert "harmed" not in texts.to_list()
