"""Two processes of a launcher train what two processes of our own train, on one machine or on two."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import launching
import pytest
import torch
from launching import STEPS, Place, kill_rank, last_step, wait_for_step
from torch.testing import assert_close

from mlc_data.align import align
from mlc_data.align.launch import Task
from mlc_data.align.launched import decided, train_launched
from mlc_data.errors import UsageError
from mlc_data.launcher import Launch
from mlc_data.recipe.align import Align
from mlc_data.recipe.loading import load_recipe

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def place(tmp_path: Path, tiny: Path) -> Place:
    return Place(tmp_path, tiny)


def test_stopped_killed_and_gone_on_over_machines(place: Place) -> None:
    run = place.folder / "cut"

    def stop(launchers: list[int]) -> None:
        wait_for_step(run, 2)
        os.kill(launchers[1], signal.SIGTERM)  # the second machine's: all are to hear of it

    first, second = place.accelerate(2, "cut", stop)
    assert "process 1 of 2 (on " in second.said
    assert "waits for the first one" in second.said
    assert f"Error: stopped after step {last_step(run)} of {STEPS}, which is saved" in first.said
    assert first.status and second.status
    stopped = last_step(run)
    assert 2 <= stopped < STEPS

    def kill(_: list[int]) -> None:
        wait_for_step(run, stopped + 2)
        kill_rank(1, run)

    first, second = place.accelerate(2, "cut", kill)
    assert first.status and second.status
    assert f"going on after step {stopped} of {STEPS}" in first.said
    assert "lost the connection to another one" in first.said
    assert "launch the same command again" in first.said
    assert not (run / "checkpoint").exists()
    assert "align" not in place.run("cut").manifest.stages
    assert stopped + 2 <= last_step(run) < STEPS

    (only,) = place.accelerate(1, "cut")
    assert only.status == 0, only.said
    notes = place.run("cut").manifest.stages["align"].notes
    assert notes["processes"] == 2
    assert notes["resumed_from"] > stopped
    assert not list(run.glob(".training-*"))

    ended = place.plainly(["-m", "mlc_data"], "cut")
    assert [each.status for each in ended] == [0, 0], ended
    assert "align: unchanged, reused" in ended[0].said
    assert "nothing had to be trained" in ended[1].said

    # One process alone takes what two have trained.
    assert align(place.run("cut"))

    assert_close(place.again("cut", "processes=2"), place.weights("cut"), rtol=0, atol=0)


def test_two_that_share_the_weights(place: Place) -> None:
    options = "loss.extractor=none", "lora.dropout=0", "max_steps=2"  # of 11 pairs, 4 a step
    told = [part for option in (*options, "sharding=fsdp") for part in ("--set", f"align.{option}")]
    ended = place.plainly([launching.__file__], "two", *told)
    assert [each.status for each in ended] == [0, 0], ended
    alike = "processes=1", "batch_size=4", "loss.sets_per_step=4"
    expected = place.again("two", *options, *alike)
    assert_close(place.weights("two"), expected, rtol=1e-4, atol=1e-6)


def test_an_error_ends_all(place: Place) -> None:
    first, second = place.plainly(["-m", "mlc_data"], "run", "--set", "align.processes=3")
    assert [first.status, second.status] == [2, 2], (first, second)
    told = "align.processes is 3, but 2 processes were launched"
    assert f"Error: {told}" in first.said
    assert f"process 1 of 2 ends, because the launch did: {told}" in second.said
    assert "Traceback" not in first.said + second.said


def test_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    launch = Launch(rank=0, size=16, local_rank=0, local_size=8, address="node0:29500")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 8)
    for processes in ("auto", 16):
        assert decided(Align(model="x", processes=processes), launch).processes == 16
    with pytest.raises(UsageError, match=r"is 1, but 16 processes .* align\.processes=auto"):
        decided(Align(model="x"), launch)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    with pytest.raises(UsageError, match=r"8 processes were launched on .* but 4 GPUs"):
        decided(Align(model="x", processes="auto"), launch)


def test_only_the_command_leads(place: Place) -> None:
    recipe = load_recipe(str(place.recipe), ["align.processes=2"])
    with pytest.raises(UsageError, match="led by the command `align` alone"):
        train_launched(Task(place.folder, recipe, None, place.folder))
