"""Faults in the middle of a real run: one message or none, no wrong "done", and the same results in the end."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from fault_checks import LONG, WITHOUT_CAPABILITIES, ends_as, on_disk, one_message
from fault_harness import SmallRun, State

from mlc_data.translate.cache.store import FILE

pytestmark = pytest.mark.end_to_end


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
    on_disk(run, disk)
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


def test_killed_while_shards_are_removed_nothing_stays(run: SmallRun, expected: State) -> None:
    record = run.manifest.stages["rescue"]
    left = run.run_dir / ".shards-rescue" / record.key[:16]
    left.mkdir(parents=True)
    (left / "part-00000.parquet").write_bytes(b"x" * 999)
    ends_as(run, expected)
