"""A refresh that is killed goes on, and gives the same diff as one that is not."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from refresh_support import SPREAD, Project, rows_of

from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import parse_recipe
from mlc_data.refresh import snapshot

pytestmark = pytest.mark.integration

Make = Callable[..., Project]
TARGETS = ["spa_Latn", "swh_Latn", "deu_Latn"]

# Refreshes in a process of its own that kills itself, as kill -9 does, at the place that it is told.
KILLED = """
import os, signal, sys, json, pathlib
from mlc_data.recipe.loading import parse_recipe
from mlc_data.refresh import refresh as module, snapshot
from mlc_data.execute import run_stage
from mlc_data.translate.engines.ctranslate2 import Ct2Translator
from mlc_data.pipeline.staging import Staging

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def after(of, name, last=False):
    real = getattr(of, name)
    def changed(*given, **named):
        found = real(*given, **named)
        die()
        return found
    setattr(of, name, changed)

def before(stage):
    return lambda run, name: die() if name == stage else run_stage(run, name)

place, folder = sys.argv[1], pathlib.Path(sys.argv[2])
do_stage = run_stage
if place == "snapshot half taken":
    snapshot._link = die
elif place == "snapshot taken":
    after(snapshot, "take")
elif place == "in the middle of translating":
    real = Ct2Translator.translate
    def translate(self, requests, done, *rest):
        real(self, requests[: len(requests) // 2], done, *rest)
        die()
    Ct2Translator.translate = translate
elif place == "new files in the place of half of the old":
    real = Staging.publish
    def publish(self, *former):
        if self.folder.name == ".staging-check":
            self.path("variants").rename(self.path("kept"))
            (self.target / "rejected" / "variants.parquet").unlink()
            die()
        return real(self, *former)
    Staging.publish = publish
elif place == "diff half written":
    real = Staging.publish
    Staging.publish = lambda self, *former: die() if self.folder.name == ".staging-refresh" else real(self, *former)
elif place == "diff written":
    after(module, "compare")
else:
    do_stage = before(place)
settings = json.loads((folder / "settings.json").read_text())
module.refresh(parse_recipe(settings, "test"), folder / "run", do_stage=do_stage)
"""

PLACES = [
    "snapshot half taken", "snapshot taken", "translate", "in the middle of translating", "check",
    "new files in the place of half of the old", "diff half written", "diff written",
]  # fmt: skip


def killed(folder: Path, place: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, place, str(folder)],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr


def found(run: Path) -> dict[str, bytes]:
    """What a refresh wrote."""
    return {path.name: path.read_bytes() for path in (run / "refresh").iterdir()}


def changed(made: Project) -> None:
    """Another source and another recipe, written for a process of its own too."""
    rows = rows_of(SPREAD[:30])
    rows[4]["prompt"] = SPREAD[40]
    made.write([*rows[:10], *rows[12:], *rows_of(SPREAD[50:53], 100)])
    made.settings["languages"] = {"targets": TARGETS}
    (made.folder / "settings.json").write_text(json.dumps(made.settings))


def test_killed_anywhere_it_goes_on_and_finds_the_same(project: Make) -> None:
    made = project(rows_of(SPREAD[:30]), checks={"language_identifiers": []})
    made.refresh()
    first = made.folder / "first"
    shutil.copytree(made.run_dir, first)
    cache = made.folder / "cache-before"
    shutil.copytree(made.folder / "cache", cache)
    changed(made)
    made.refresh()
    whole = found(made.run_dir)
    assert json.loads(whole["diff.json"])["prompts"]["added"] == 3
    hashes = made.run.manifest.content_hash
    for place in PLACES:
        for folder, kept in ((made.run_dir, first), (made.folder / "cache", cache)):
            shutil.rmtree(folder)
            shutil.copytree(kept, folder)
        killed(made.folder, place)
        done = made.refresh()
        assert done.diff is not None, place
        assert found(made.run_dir) == whole, place
        assert made.run.manifest.content_hash == hashes, place
        assert not list(made.run_dir.glob(".refresh-*")), place
        assert made.refresh().diff is None, place


def test_killed_twice_and_changed_in_between(project: Make) -> None:
    """What is compared with is the state before the first of them."""
    made = project(rows_of(SPREAD[:30]), checks={"language_identifiers": []})
    made.refresh()
    changed(made)
    killed(made.folder, "sets")
    made.write(rows_of(SPREAD[1:30], 1))
    made.settings["languages"] = {"targets": ["spa_Latn", "swh_Latn", "zho_Hans"]}
    (made.folder / "settings.json").write_text(json.dumps(made.settings))
    killed(made.folder, "score")
    done = made.refresh()
    assert done.diff is not None
    assert (done.diff.prompts.before, done.diff.prompts.after) == (30, 29)
    assert (done.diff.variants.removed, done.diff.variants.added) == (3, 0)
    assert done.diff.settings == []


def test_the_first_build_may_be_killed_too(project: Make) -> None:
    made = project(rows_of(SPREAD[:10]), checks={"language_identifiers": []})
    (made.folder / "settings.json").write_text(json.dumps(made.settings))
    killed(made.folder, "diff half written")
    done = made.refresh()
    assert done.diff is not None
    assert done.diff.before is None
    assert done.diff.variants.added == 30


def test_a_snapshot_is_no_snapshot_before_it_is_whole_nor_after(project: Make) -> None:
    made = project(rows_of(SPREAD[:6]))
    made.refresh()
    run = Run(parse_recipe(made.settings, "test"), made.run_dir)
    taken = snapshot.take(run)
    assert snapshot.find(run) == taken
    stayed = (taken.folder / "variants" / "variants.parquet").stat()
    assert stayed.st_ino == run.path("variants", "variants.parquet").stat().st_ino
    taken.remove()
    assert snapshot.find(run) is None
    assert not list(run.folder.glob(".refresh-*"))
