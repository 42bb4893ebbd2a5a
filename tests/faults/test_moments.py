"""The same fault early, in the middle and late in a run; the short form has one moment of each."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from fault_checks import (
    EARLY,
    LATE,
    LONG,
    MIDDLE,
    WITHOUT_CAPABILITIES,
    at_work,
    ends_as,
    on_disk,
    one_message,
    redo,
    work_of,
)  # fmt: skip
from fault_harness import SmallRun, State

from mlc_data.errors import MlcDataError
from mlc_data.pipeline.run import Run
from mlc_data.stages import NAMES
from mlc_data.translate.cache.store import FILE

pytestmark = pytest.mark.end_to_end

MOMENTS = (EARLY, MIDDLE, LATE)
WRITING = [name for name in NAMES if name != "utility"]
"""Stages with files; the small run measures no utility."""


def moments(short: str) -> list[Any]:
    """Return the three moments; all but one are for the long form."""
    return [stage if stage == short else pytest.param(stage, marks=LONG) for stage in MOMENTS]


@pytest.mark.parametrize(
    ("stage", "number"),
    [
        (LATE, signal.SIGTERM),
        pytest.param(EARLY, signal.SIGTERM, marks=LONG),
        pytest.param(MIDDLE, signal.SIGTERM, marks=LONG),
        pytest.param(EARLY, signal.SIGINT, marks=LONG),
        pytest.param(MIDDLE, signal.SIGHUP, marks=LONG),
    ],
)
def test_a_signal_is_one_line_that_says_how_to_go_on(
    run: SmallRun, expected: State, stage: str, number: signal.Signals
) -> None:
    pid = at_work(run, stage)
    os.killpg(pid, number)
    ended = run.nursery.wait()
    assert ended.status == 130, ended.output
    last = ended.output.rstrip().splitlines()[-1]
    assert last == "Stopped; what was finished is kept, and the same command resumes"
    assert "Traceback" not in ended.output
    ends_as(run, expected)


@pytest.mark.parametrize("stage", moments(EARLY))
def test_a_hanging_stage_is_stopped_at_its_limit(
    run: SmallRun, expected: State, stage: str
) -> None:
    redo(run, stage)
    run.recipe["runner"] = {"stage_limit": 1}
    # The hour is cut short once the stage is at work: nothing else may take longer on a slow machine.
    body = "signal.setitimer(signal.ITIMER_REAL, 0.2); threading.Event().wait()"
    ended = run.run(before=work_of(stage, "import signal\n", body))
    one_message(ended, 1, f"{stage} has taken longer than runner.stage_limit, 1 hours", "resumes")
    run.recipe["runner"] = {}
    ends_as(run, expected)


@pytest.mark.parametrize("stage", moments(EARLY))
def test_an_edited_recipe_changes_nothing_in_the_run_that_reads_it(
    run: SmallRun, expected: State, stage: str
) -> None:
    at_work(run, stage)
    path = run.run_dir / "recipe.yaml"
    edited: dict[str, Any] = yaml.safe_load(path.read_text())
    edited["seed"], edited["sets"]["test_share"] = 99, 0.0
    path.write_text(yaml.safe_dump(edited))
    ended = run.nursery.wait()
    assert ended.status == 0, ended.output
    assert State.of(run) == expected
    assert "was edited meanwhile" in ended.output
    published = run.nursery.run("publish", str(run.run_dir), "--to", str(run.folder / "out"))
    one_message(published, 2, "is not the recipe that")


@LONG
@pytest.mark.parametrize("stage", MOMENTS)
def test_another_command_is_refused(run: SmallRun, expected: State, stage: str) -> None:
    pid = at_work(run, stage)
    with pytest.raises(MlcDataError, match=f"process {pid} on "), Run.open(run.run_dir).locked():
        pass
    ended = run.nursery.wait()
    assert ended.status == 0, ended.output
    assert State.of(run) == expected


@LONG
@pytest.mark.parametrize("stage", WRITING)
def test_a_disk_that_is_full_when_a_stage_writes(
    run: SmallRun, expected: State, small_disk: Callable[[str], Any], stage: str
) -> None:
    disk = small_disk("size=64m")
    on_disk(run, disk)
    redo(run, stage)
    command = ["df", "--output=used", "-B1", str(disk)]
    used = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1]
    subprocess.run(["mount", "-o", f"remount,size={used}", str(disk)], check=True)
    one_message(run.run(), 1, "no space left on the device")
    subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
    ends_as(run, expected)


@LONG
@pytest.mark.parametrize("stage", MOMENTS)
def test_a_folder_that_becomes_read_only(run: SmallRun, expected: State, stage: str) -> None:
    redo(run, stage)
    body = "os.chmod(run.folder, 0o555); return real(self, run, staging)"
    ended = run.run(before=work_of(stage, f"import os\n{WITHOUT_CAPABILITIES}", body))
    run.run_dir.chmod(0o755)
    one_message(ended, 1, "ermission denied")
    ends_as(run, expected)


@LONG
@pytest.mark.parametrize(
    ("stage", "how"), [("translate", "removed"), ("score", "cut"), ("rescue", "garbage")]
)
def test_a_cache_that_is_harmed_while_it_is_used(
    empty: SmallRun, expected: State, stage: str, how: str
) -> None:
    empty.nursery.wait_for_stage(stage, empty.nursery.start(*empty.argv()))
    file = empty.folder / "cache" / FILE
    if how == "removed":
        shutil.rmtree(file.parent, ignore_errors=True)
    elif file.is_file():
        data = file.read_bytes()
        file.write_bytes(data[: len(data) // 2] if how == "cut" else b"garbage" * (len(data) // 7))
    ended = empty.nursery.wait()
    if ended.status:
        one_message(ended, 1, "the translation cache")
        shutil.rmtree(file.parent)
    ends_as(empty, expected)


@LONG
@pytest.mark.parametrize("stage", MOMENTS)
@pytest.mark.parametrize("years", [-30, 30])
def test_a_clock_that_jumps_changes_nothing(
    run: SmallRun, expected: State, stage: str, years: int
) -> None:
    redo(run, stage)
    body = (
        f"time.time = lambda: now() + {years} * 31557600; "
        f"time.time_ns = lambda: now_ns() + {years} * 31557600 * 10**9; return real(self, run, staging)"
    )
    ended = run.run(before=work_of(stage, "now, now_ns = time.time, time.time_ns\n", body))
    assert ended.status == 0, ended.output
    assert State.of(run) == expected


@LONG
def test_nor_does_one_that_jumps_to_and_fro(empty: SmallRun, expected: State) -> None:
    jumps = (
        "import time, itertools\nreal, count = time.time, itertools.count()\n"
        "time.time = lambda: real() + (-1) ** next(count) * 40 * 86400 * 365\n"
    )
    ended = empty.run(before=jumps)
    assert ended.status == 0, ended.output
    assert State.of(empty) == expected
