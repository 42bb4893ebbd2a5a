"""The same build on threads, Dask and Ray, on a real server: equal content hashes, also when a worker dies."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_sandbox import QuickstartRun
from prefect_server import PrefectServer
from process_guard import end_tree
from support import free_port

from mlc_data.core.manifest import Manifest, read_manifest
from mlc_data.execute import run_stages
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe

pytestmark = pytest.mark.end_to_end

# 48 prompts into three languages, in eight shards, by two workers.
BUILD = (
    "languages.targets=[spa_Latn,swh_Latn,zho_Hans]", "sources.prompts.limit=48",
    "translate.shard_prompts=6", "rescue.rungs=[split,nbest]",
)  # fmt: skip


def command(run: Path, *overrides: str) -> list[str]:
    settings = [part for setting in (*BUILD, *overrides) for part in ("--set", setting)]
    return [
        "-m",
        "mlc_data.flows.build_variants",
        "--recipe",
        "quickstart",
        "--run-dir",
        str(run),
        *settings,
    ]


def build(server: PrefectServer, run: Path, cache: Path, *overrides: str, code: int = 0) -> str:
    return server.run(*command(run, f"translate.cache={cache}", *overrides), code=code)


def build_here(folder: Path, cache: Path) -> Manifest:
    """Build in this process, without Prefect."""
    run = Run.create(load_recipe("quickstart", [*BUILD, f"translate.cache={cache}"]), folder)
    run_stages(run, "sets")
    return run.manifest


def manifest(run: Path) -> Manifest:
    return read_manifest(run / "manifest.json")


@pytest.fixture(scope="module")
def by_threads(server: PrefectServer, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    folder = tmp_path_factory.mktemp("threads")
    output = build(server, folder / "run", folder / "cache", "runner.workers=2")
    assert "translate: 8 shards, by one process" in output
    return manifest(folder / "run")


@pytest.mark.parametrize("kind", ["dask", "ray"])
def test_every_runner_gives_the_same_hashes(
    server: PrefectServer, by_threads: Manifest, tmp_path: Path, kind: str
) -> None:
    own = (f"runner.type={kind}", "runner.workers=2")
    output = build(server, tmp_path / "run", tmp_path / "cache", *own)
    for stage in ("translate", "score", "rescue"):
        assert f"{stage}: 8 shards, by" in output
    # On a busy machine one worker may have done all of a short stage before the other began.
    assert "8 shards, by 2 processes" in output
    assert manifest(tmp_path / "run").content_hash == by_threads.content_hash
    assert manifest(tmp_path / "run").counts == by_threads.counts
    # What the workers translated is in the cache of this machine.
    again = build_here(tmp_path / "again", tmp_path / "cache")
    assert again.stages["translate"].notes["translated"] == 0
    assert again.content_hash == by_threads.content_hash


@pytest.fixture
def cluster(
    server: PrefectServer, tmp_path: Path
) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The address of a Dask cluster, and its two workers."""
    address = f"tcp://127.0.0.1:{(port := free_port())}"
    log = (tmp_path / "cluster.log").open("wb")

    def start(*arguments: str) -> subprocess.Popen[bytes]:
        # A cache folder of its own, as on another machine.
        return subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_" + arguments[0], *arguments[1:]],
            env={**server.environment, "MLC_DATA_CACHE": str(tmp_path / "elsewhere")},
            cwd=tmp_path, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip

    own = ("--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0")
    scheduler = start("scheduler", *own, "--port", str(port))
    workers = [start("worker", address, *own, "--nthreads", "1", "--no-nanny") for _ in range(2)]
    try:
        yield address, workers
    finally:
        for process in (*workers, scheduler):
            if process.poll() is None:
                end_tree(process)
        log.close()


def test_a_worker_that_dies_changes_nothing(
    server: PrefectServer,
    quickstart: QuickstartRun,
    by_threads: Manifest,
    tmp_path: Path,
    cluster: tuple[str, list[subprocess.Popen[bytes]]],
) -> None:
    address, workers = cluster
    run, cache = tmp_path / "run", tmp_path / "cache"
    settings = ("translate.cache=auto", "runner.type=dask", f"runner.address={address}")
    flow = subprocess.Popen(
        [sys.executable, *command(run, *settings)],
        cwd=quickstart.sandbox.folder, env={**server.environment, "MLC_DATA_CACHE": str(cache)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    deadline = time.monotonic() + 300
    while not (done := list(run.glob(".shards-translate/*/part-*.json"))):
        assert flow.poll() is None, flow.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    # The worker that has done a shard is killed.
    pid = int(json.loads(done[0].read_text())["result"]["process"].rpartition(":")[2])
    (killed,) = [worker for worker in workers if worker.pid == pid]
    end_tree(killed)
    output, _ = flow.communicate(timeout=600)
    assert flow.returncode == 0, output
    assert manifest(run).content_hash == by_threads.content_hash
    assert not (tmp_path / "elsewhere").exists()
    assert build_here(tmp_path / "again", cache).stages["translate"].notes["translated"] == 0


def test_a_shard_that_fails_is_one_message(server: PrefectServer, tmp_path: Path) -> None:
    """Workers whose cache cannot be written."""
    (tmp_path / "cache").write_text("no folder")
    own = ("runner.type=dask", "runner.workers=2")
    output = build(server, tmp_path / "run", tmp_path / "cache", *own, code=1)
    assert "cannot be used" in output
    # Dask may log while it ends; no traceback of ours is printed.
    assert not re.search(r'File ".*mlc_data', output)
    assert output.rstrip().rpartition("\n")[2].startswith("Error: ")


def test_a_cluster_needs_a_server_that_its_workers_reach(quickstart: QuickstartRun) -> None:
    own = ("--set", "runner.type=ray", "--run-dir", "runs/no-server")
    done = quickstart.sandbox.run("run", "quickstart", *own, code=2)
    assert "PREFECT_API_URL" in done.stderr
    assert "Traceback" not in done.stderr
