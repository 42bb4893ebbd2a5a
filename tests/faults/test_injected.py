"""Faults in the middle of a real run: one message or none, no wrong "done", and the same results in the end."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from fault_harness import Ended, SmallRun, State, litter
from filelock import FileLock, Timeout

from mlc_data.translate.cache.store import FILE

pytestmark = pytest.mark.end_to_end

WITHOUT_CAPABILITIES = (
    "import ctypes\nhead = (ctypes.c_uint32 * 2)(0x20080522, 0)\nnone = (ctypes.c_uint32 * 6)()\n"
    "assert ctypes.CDLL(None).capset(head, none) == 0\n"
)
"""Statement after which permissions apply to root as well; to others nothing changes."""


LONG = pytest.mark.skipif(
    "MLC_DATA_LONG_FAULTS" not in os.environ, reason="part of benchmarks/reliability.py"
)


@pytest.fixture
def run(whole: SmallRun, tmp_path: Path) -> SmallRun:
    """The finished run, copied."""
    return whole.elsewhere(tmp_path, copied=True)


@pytest.fixture
def empty(whole: SmallRun, tmp_path: Path) -> SmallRun:
    """The same run, not begun."""
    return whole.elsewhere(tmp_path)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mount a file system of its own, with options; skipped where that is not allowed."""
    mounted: list[Path] = []

    def mount(options: str) -> Path:
        folder = tmp_path / f"disk {len(mounted)}"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no tmpfs can be mounted here: {done.stderr.strip()}")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", str(folder)], check=True)


def ends_as(run: SmallRun, expected: State) -> Ended:
    """Run every stage to the end, and compare."""
    ended = run.run()
    assert ended.status == 0, ended.output
    assert State.of(run) == expected
    assert litter(run) == []
    return ended


def one_message(ended: Ended, status: int, *words: str) -> None:
    assert ended.status == status, ended.output
    assert "Traceback" not in ended.output
    assert ended.output.count("Error: ") == 1, ended.output
    for word in words:
        assert word in ended.output


def begin(run: SmallRun, stage: str) -> int:
    """Start the run and wait until a stage begins."""
    pid = run.nursery.start(*run.argv())
    run.nursery.wait_for_stage(stage, pid)
    return pid


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


HARMED = (
    "sets/*.parquet",
    "translations/*.parquet",
    "checkpoint/model.safetensors",
    "evaluation/safety.json",
)


@pytest.mark.parametrize("how", ["flipped", pytest.param("cut", marks=LONG)])
def test_harmed_outputs_are_made_again(run: SmallRun, expected: State, how: str) -> None:
    for name in HARMED:
        file = next(run.run_dir.glob(name))
        flip(file) if how == "flipped" else file.write_bytes(file.read_bytes()[:-9])
    assert ends_as(run, expected).output.count("is missing or was changed") >= len(HARMED) - 1


def test_a_harmed_manifest_is_refused(run: SmallRun, expected: State) -> None:
    manifest = run.run_dir / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:-40])
    one_message(run.run(), 1, "manifest.json is not a manifest")
    manifest.unlink()
    ends_as(run, expected)


def test_a_harmed_cache_is_named_and_can_be_removed(run: SmallRun, expected: State) -> None:
    shutil.rmtree(run.run_dir)
    (run.folder / "cache" / FILE).write_bytes(b"this is no database" * 999)
    one_message(run.run(), 1, "the translation cache", "Remove it")
    shutil.rmtree(run.folder / "cache")
    ends_as(run, expected)


@LONG
def test_changed_values_in_the_cache_are_translated_again(run: SmallRun, expected: State) -> None:
    shutil.rmtree(run.run_dir)
    with sqlite3.connect(run.folder / "cache" / FILE) as connection:
        connection.execute("UPDATE hypotheses SET value = replace(value, 'a', 'o')")
    assert "harmed, and are translated again" in ends_as(run, expected).output


def test_an_edited_recipe_changes_nothing_in_the_run_that_reads_it(
    empty: SmallRun, expected: State
) -> None:
    begin(empty, "translate")
    path = empty.run_dir / "recipe.yaml"
    edited: dict[str, Any] = yaml.safe_load(path.read_text())
    edited["seed"], edited["sets"]["test_share"] = 99, 0.0
    path.write_text(yaml.safe_dump(edited))
    ended = empty.nursery.wait()
    assert ended.status == 0, ended.output
    assert State.of(empty) == expected
    assert "was edited meanwhile" in ended.output
    published = empty.nursery.run("publish", str(empty.run_dir), "--to", str(empty.folder / "out"))
    one_message(published, 2, "is not the recipe that")


@LONG
def test_a_source_that_is_edited_while_it_is_read_is_refused(
    empty: SmallRun, expected: State
) -> None:
    source = Path(empty.recipe["sources"]["prompts"]["path"])
    own = shutil.copy(source, empty.folder / "prompts.jsonl")
    empty.recipe["sources"]["prompts"]["path"] = str(own)
    edit = (
        "from mlc_data.sources import stage\nreal = stage.PromptReader\n"
        "def read(*given, **named):\n"
        f"    open({str(own)!r}, 'a').write('{{\"prompt\": \"How do I wash a cat?\"}}\\n')\n"
        "    return real(*given, **named)\nstage.PromptReader = read\n"
    )
    one_message(empty.run(before=edit), 1, "was changed while it was at work")
    assert "sources" not in empty.manifest.stages
    shutil.copy(source, own)
    ended = empty.run()
    assert ended.status == 0
    assert State.of(empty).hashes == expected.hashes


@LONG
def test_two_runs_in_one_folder_and_the_lock_is_never_free(empty: SmallRun) -> None:
    pid = begin(empty, "translate")
    lock, free = FileLock(empty.run_dir / ".lock"), 0
    for _ in range(400):
        holder = empty.run_dir / ".holder.json"
        if not holder.is_file():
            break
        try:
            lock.acquire(timeout=0)
            lock.release()
            free += holder.is_file()
        except Timeout:
            assert json.loads(holder.read_text())["pid"] == pid if holder.is_file() else True
        time.sleep(0.005)
    assert empty.nursery.wait().status == 0
    assert free == 0


def test_a_refused_command_names_the_other(run: SmallRun) -> None:
    other = "from mlc_data.pipeline.run import Run; from pathlib import Path; import time\n"
    hold = f"{other}with Run.open(Path({str(run.run_dir)!r})).locked(): print('held', flush=True); time.sleep(60)"
    holder = subprocess.Popen(
        [sys.executable, "-c", hold], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    try:
        assert holder.stdout and holder.stdout.readline()
        one_message(run.run("sets"), 1, "is in use by another process", f"process {holder.pid} on ")
    finally:
        holder.kill()
        holder.wait()


@pytest.mark.parametrize(
    "size", ["400k", pytest.param("150k", marks=LONG), pytest.param("900k", marks=LONG)]
)
def test_a_full_disk_is_one_message_and_the_run_goes_on_with_more_room(
    empty: SmallRun, expected: State, small_disk: Callable[[str], Path], size: str
) -> None:
    disk = small_disk(f"size={size}")
    empty.run_dir.symlink_to(disk)
    one_message(empty.run(), 1, "no space left on the device")
    subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
    ends_as(empty, expected)


def read_only(run: SmallRun, mount: Callable[[str], Path]) -> None:
    """Put the run on a file system that cannot be written."""
    disk = mount("size=64m")
    shutil.copytree(run.run_dir, disk / "run")
    shutil.rmtree(run.run_dir)
    run.run_dir.symlink_to(disk / "run")
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


def test_a_finished_run_that_cannot_be_written_is_reused_and_published(
    run: SmallRun, expected: State, small_disk: Callable[[str], Path]
) -> None:
    ends_as(run, expected)
    read_only(run, small_disk)
    ends_as(run, expected)
    out = run.folder / "out"
    done = run.nursery.run("publish", str(run.run_dir), "--to", str(out))
    assert done.status == 0, done.output
    assert pl.read_parquet(sorted((out / "sets").glob("*.parquet"))).height


def test_new_work_in_a_folder_that_cannot_be_written_is_one_message(
    run: SmallRun, small_disk: Callable[[str], Path]
) -> None:
    read_only(run, small_disk)
    run.recipe["seed"] = 99
    one_message(run.run(), 1, "read-only file system")


@pytest.mark.parametrize(
    "name",
    ["recipe.yaml", "run/manifest.json", "run/translations", "prompts.jsonl", "run", "cache"],
)
def test_what_may_not_be_read_or_written_is_one_message(run: SmallRun, name: str) -> None:
    own = shutil.copy(run.recipe["sources"]["prompts"]["path"], run.folder / "prompts.jsonl")
    run.recipe["sources"]["prompts"]["path"] = str(own)
    run.recipe["languages"]["targets"] = ["fra_Latn"]
    argv = (*run.argv("translate"), "--force")
    (run.folder / name).chmod(0)
    ended = run.nursery.run(*argv, before=WITHOUT_CAPABILITIES)
    (run.folder / name).chmod(0o777)
    assert ended.status in (1, 2), ended.output
    assert "Traceback" not in ended.output
    words = {"run": "is not readable", "cache": "cannot be used"}
    assert words.get(name, "ermission denied") in ended.output


def test_a_hanging_stage_is_stopped_at_its_limit(empty: SmallRun, expected: State) -> None:
    empty.recipe["runner"] = {"stage_limit": 2 / 3600}
    hang = (
        "import threading\nfrom mlc_data.core import time_limit\ntime_limit.GRACE_SECONDS = 1\n"
        "from mlc_data.translate.engines.ctranslate2 import Ct2Translator\n"
        "Ct2Translator._results = lambda self, started: threading.Event().wait()\n"
    )
    one_message(empty.run("translate", before=hang), 1, "has taken longer than runner.stage_limit")
    empty.recipe["runner"] = {}
    ends_as(empty, expected)


def test_an_engine_that_raises_on_a_sentence_loses_only_it(empty: SmallRun) -> None:
    raises = (
        "from mlc_data.translate.engines.ctranslate2 import Ct2Translator\n"
        "real = Ct2Translator.source_tokens\n"
        "import mlc_data.translate.engines.families as families\n"
        "for kind in set(families.FAMILIES.values()):\n"
        "    def broken(self, text, *rest, real=kind.source_tokens):\n"
        "        if 'wash a car' in text and rest[-1] == 'swh_Latn': raise IndexError('a piece is missing')\n"
        "        return real(self, text, *rest)\n"
        "    kind.source_tokens = broken\n"
    )
    ended = empty.run("translate", before=raises)
    assert ended.status == 0, ended.output
    assert "raised IndexError on one sentence (eng_Latn to swh_Latn)" in ended.output
    rows = pl.read_parquet(sorted((empty.run_dir / "translations").glob("*.parquet")))
    failed = rows.filter(pl.col("failure").is_not_null())
    assert set(failed["failure"]) == {"engine_error"}
    assert failed.height < rows.height / 10


@LONG
def test_a_clock_that_jumps_changes_nothing(empty: SmallRun, expected: State) -> None:
    jumps = (
        "import time, itertools\nreal, count = time.time, itertools.count()\n"
        "time.time = lambda: real() + (-1) ** next(count) * 40 * 86400 * 365\n"
    )
    ended = empty.run(before=jumps)
    assert ended.status == 0, ended.output
    assert State.of(empty) == expected


def test_killed_while_shards_are_removed_nothing_stays(run: SmallRun, expected: State) -> None:
    record = run.manifest.stages["rescue"]
    left = run.run_dir / ".shards-rescue" / record.key[:16]
    left.mkdir(parents=True)
    (left / "part-00000.parquet").write_bytes(b"x" * 999)
    ends_as(run, expected)


@LONG
def test_interrupted_is_one_message(empty: SmallRun) -> None:
    pid = begin(empty, "rescue")
    os.killpg(pid, signal.SIGINT)
    one_message(empty.nursery.wait(), 130, "stopped")
