"""Shards: done once, by any process that would make the same, and kept when a run is interrupted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from support import StubTranslator, forget_stages

from mlc_data.errors import MlcDataError
from mlc_data.execute import run_stage
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.sharding import Threads, using
from mlc_data.pipeline.sharding.shard import Result, Shard, do
from mlc_data.pipeline.sharding.workers import Done
from mlc_data.recipe.recipe import Recipe
from mlc_data.stages import BUILD
from mlc_data.translate import stage as translation

pytestmark = pytest.mark.integration

PROMPTS = [{"prompt": f"How do I bake bread number {n}?"} for n in range(7)]

FEW: dict[str, Any] = {"translate": {"shard_prompts": 2}, "rescue": {"rungs": ["split", "nbest"]}}


@pytest.fixture
def run(make_run: Callable[..., Run]) -> Run:
    """Seven prompts, in four shards."""
    made = make_run(PROMPTS, **FEW)
    run_stage(made, "sources")
    return made


class Elsewhere:
    """Does shards one after another, and remembers which; those after ``limit`` fail."""

    in_process = False

    def __init__(self, limit: int = 99, *, remote: bool = False) -> None:
        self.limit, self.remote = limit, remote
        self.did: list[int] = []

    def do(self, shards: Sequence[Shard], done: Done) -> None:
        for shard in shards:
            if len(self.did) == self.limit:
                raise MlcDataError("the machine is gone")
            done(shard, do(shard))
            self.did.append(shard.number)


def hashes(run: Run) -> dict[str, str | None]:
    found: dict[str, str | None] = run.manifest.content_hash.model_dump()
    return found


def build(run: Run) -> None:
    for name in BUILD:
        run_stage(run, name)


def test_the_number_of_threads_changes_nothing(make_run: Callable[..., Run]) -> None:
    found = []
    for workers in (1, 4):
        run = make_run(PROMPTS, **FEW, runner={"workers": workers})
        for name in BUILD:
            run_stage(run, name, force=True)
        found.append(hashes(run))
    assert found[0] == found[1]


@pytest.mark.parametrize("remote", [False, True])
def test_another_process_makes_the_same(run: Run, remote: bool) -> None:
    build(run)
    in_process = hashes(run)
    files = {path.name for path in run.path("translations").iterdir()}
    forget_stages(run, *BUILD[1:])
    with using(Elsewhere(remote=remote)):
        build(run)
    assert hashes(run) == in_process
    assert {path.name for path in run.path("translations").iterdir()} == files
    assert not list(run.folder.glob(".shards-*"))


def test_shards_that_were_done_are_kept(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    broken = Elsewhere(limit=2)
    with using(broken), pytest.raises(MlcDataError, match="the machine is gone"):
        run_stage(run, "translate")
    assert broken.did == [0, 1]
    assert "translate" not in run.manifest.stages
    assert not run.path("translations").exists()
    again = Elsewhere()
    with using(again), caplog.at_level("INFO"):
        run_stage(run, "translate")
    assert again.did == [2, 3]
    assert "2 of 4 shards were done before" in caplog.text
    prompts = pl.read_parquet(run.path("prompts.parquet"))["prompt_id"].to_list()
    rows = pl.read_parquet(run.path("translations", "*.parquet"))
    assert rows["prompt_id"].unique(maintain_order=True).to_list() == prompts


def test_shards_of_other_settings_are_not_taken(run: Run) -> None:
    with using(Elsewhere(limit=2)), pytest.raises(MlcDataError):
        run_stage(run, "translate")
    other = run.recipe.model_copy(
        update={"translate": run.recipe.translate.model_copy(update={"beam_size": 2})}
    )
    again = Elsewhere()
    with using(again):
        run_stage(Run.create(other, run.folder), "translate")
    assert again.did == [0, 1, 2, 3]


def test_forced_shards_are_all_done_again(run: Run) -> None:
    with using(Elsewhere(limit=2)), pytest.raises(MlcDataError):
        run_stage(run, "translate")
    again = Elsewhere()
    with using(again):
        run_stage(run, "translate", force=True)
    assert again.did == [0, 1, 2, 3]


def test_a_shard_without_its_table_or_record_is_done_again(run: Run) -> None:
    with using(Elsewhere(limit=3)), pytest.raises(MlcDataError):
        run_stage(run, "translate")
    (folder,) = run.path(".shards-translate").iterdir()
    (folder / "part-00000.parquet").unlink()
    (folder / "part-00001.json").unlink()
    again = Elsewhere()
    with using(again):
        run_stage(run, "translate")
    assert again.did == [0, 1, 3]


def test_a_worker_with_another_model_refuses(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    shards: list[Shard] = []

    class Caught(Elsewhere):
        def do(self, shards_: Sequence[Shard], done: Done) -> None:
            shards.extend(shards_)
            raise MlcDataError("caught")

    with using(Caught()), pytest.raises(MlcDataError, match="caught"):
        run_stage(run, "translate")
    monkeypatch.setattr(translation, "load_translator", lambda settings: StubTranslator())
    with pytest.raises(MlcDataError, match="would not give the rows that the run"):
        do(shards[0])
    assert shards[0].result() is None


def test_the_first_error_ends_the_others() -> None:
    begun: list[int] = []
    gate = threading.Event()

    def one(shard: Shard) -> Result:
        begun.append(shard.number)
        if shard.number == 0:
            raise MlcDataError("number 0")
        gate.wait(10)
        return {}

    shards = [
        Shard("/nowhere", "translate", "nowhere:Nobody", "0" * 64, number) for number in range(50)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mlc_data.pipeline.sharding.workers.do", one)
        patch.setattr("mlc_data.pipeline.sharding.workers.wait", _waiting(gate))
        with pytest.raises(MlcDataError, match="number 0"):
            Threads(2).do(shards, lambda shard, result: None)
    assert len(begun) < 5


def _waiting(gate: threading.Event) -> Callable[..., Any]:
    """`concurrent.futures.wait`, which lets the others go on once one has ended."""
    from concurrent.futures import wait

    def waiting(*given: Any, **more: Any) -> Any:
        try:
            return wait(*given, **more)
        finally:
            gate.set()

    return waiting


def test_killed_while_it_translates_it_goes_on(run: Run, tmp_path: Path) -> None:
    """SIGKILL after the first shard, in a process of its own."""
    script = f"""
import os, signal
from pathlib import Path
from mlc_data.pipeline.sharding import using
from mlc_data.pipeline.sharding.shard import do
from mlc_data.execute import run_stage
from mlc_data.pipeline.run import Run

class Killed:
    in_process = remote = False
    def do(self, shards, done):
        done(shards[0], do(shards[0]))
        os.kill(os.getpid(), signal.SIGKILL)

with using(Killed()):
    run_stage(Run.open(Path({str(run.folder)!r})), "translate")
"""
    done = subprocess.run([sys.executable, "-c", script], check=False, env=os.environ)
    assert done.returncode == -9
    again = Elsewhere()
    with using(again):
        run_stage(run, "translate")
    assert again.did == [1, 2, 3]


def test_a_command_says_that_it_does_not_use_the_cluster(
    make_run: Callable[..., Run], caplog: pytest.LogCaptureFixture
) -> None:
    run = make_run(PROMPTS[:1], runner={"type": "dask"})
    run_stage(run, "sources")
    run_stage(run, "translate")
    assert "runner.type is dask, which applies to the flows" in caplog.text


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"address": "tcp://there:8786"}, "set `type` to dask or ray"),
        ({"gpus_per_task": 1}, "translate.device_index"),
        ({"cpus_per_task": 2}, "translate.intra_threads"),
        ({"type": "dask", "gpus_per_task": 1}, "--resources GPU=1"),
        ({"type": "ray", "address": "auto", "workers": 2}, "name one of the two"),
        ({"type": "spark"}, "'threads', 'dask' or 'ray'"),
    ],
)
def test_what_does_not_go_together_is_refused(
    small: dict[str, Any], given: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        Recipe.model_validate({**small, "runner": given})


def test_the_runner_is_no_part_of_what_a_run_is(small: dict[str, Any]) -> None:
    plain = Recipe.model_validate(small)
    assert Recipe.model_validate({**small, "runner": {"type": "ray"}}).hash == plain.hash
    assert json.loads(plain.model_dump_json())["runner"]["type"] == "threads"


def test_shards_in_work_stop_when_another_fails(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first shard fails once the others are at work; they end at their next report, and not as done."""
    working = threading.Event()

    class Slow(StubTranslator):
        def translate(self, requests: Any, done: Any = None, decoding: Any = None) -> Any:
            if "number 0" in requests[0].text:
                assert working.wait(10)
                raise MlcDataError("the engine broke")
            working.set()
            while True:
                done([], [])
                time.sleep(0.01)

    monkeypatch.setattr(translation, "load_translator", lambda settings: Slow())
    with pytest.raises(MlcDataError, match="the engine broke"):
        run_stage(run, "translate")
    assert not list(run.path(".shards-translate").glob("*/part-*"))
