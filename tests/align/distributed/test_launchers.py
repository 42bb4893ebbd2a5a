"""`mlc-data align` under torchrun, `accelerate launch` and plain environment variables."""

from __future__ import annotations

import os
from pathlib import Path

import launch_sandbox
import pytest
from launch_sandbox import (
    COMMAND,
    STEPS,
    TORCHRUN,
    LaunchSandbox,
    accelerate,
    align,
    last_step,
    notes,
    run,
    run_together,
    start,
    torchrun,
    two_ranks,
    wait_for,
    wait_until,
    weights,
)
from support import free_port
from torch.testing import assert_close

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]


def test_torchrun_gives_the_weights_of_own_processes(sandbox: LaunchSandbox, trained: Path) -> None:
    folder = sandbox.new_run("torchrun")
    launched = torchrun(folder)
    assert launched.returncode == 0, launched.output
    assert_close(weights(folder), weights(trained), rtol=0, atol=0)


def test_accelerate_on_two_machines_gives_the_weights_of_own_processes(
    sandbox: LaunchSandbox, trained: Path
) -> None:
    folder = sandbox.new_run("machines")
    launched = accelerate(folder)
    assert [each.returncode for each in launched] == [0, 0], launched
    assert notes(folder)["processes"] == 2
    assert_close(weights(folder), weights(trained), rtol=0, atol=0)


def test_two_shards_give_the_weights_of_one_process(sandbox: LaunchSandbox) -> None:
    options = "loss.extractor=none", "lora.dropout=0", "max_steps=2"  # of 11 pairs, 4 a step
    alone, sharded = sandbox.new_run("alone"), sandbox.new_run("sharded")
    alike = "processes=1", "batch_size=4", "loss.sets_per_step=4"
    assert run([*COMMAND, *align(alone, *options, *alike)]).returncode == 0
    program = [COMMAND[0], launch_sandbox.__file__, *align(sharded, *options, "sharding=fsdp")]
    launched = run_together(program, plain_environments())
    assert [each.returncode for each in launched] == [0, 0], launched
    assert_close(weights(sharded), weights(alone), rtol=1e-4, atol=1e-6)


def test_training_stopped_under_torchrun_resumes_to_the_same_weights(
    sandbox: LaunchSandbox, trained: Path
) -> None:
    folder = sandbox.new_run("stopped")
    launcher = start([*TORCHRUN, *two_ranks(), *align(folder)])
    wait_until(lambda: last_step(folder) >= 4, launcher)
    launcher.terminate()
    (stopped,) = wait_for([launcher])
    step = last_step(folder)
    (error,) = stopped.errors
    assert error.startswith(f"Stopped after step {step} of {STEPS}, which is saved")
    resumed = run([*COMMAND, *align(folder, "processes=2")])
    assert resumed.returncode == 0, resumed.output
    assert notes(folder)["resumed_from"] == step
    assert_close(weights(folder), weights(trained), rtol=0, atol=0)


def test_finished_training_is_reused_by_all_ranks(trained: Path) -> None:
    launched = run_together([*COMMAND, *align(trained)], plain_environments())
    assert [each.returncode for each in launched] == [0, 0], launched
    assert "align: unchanged, reused" in launched[0].output
    assert not launched[1].output


def test_one_process_reuses_what_two_trained(trained: Path) -> None:
    again = run([*COMMAND, *align(trained)])
    assert again.returncode == 0, again.output
    assert "align: unchanged, reused" in again.output


def test_missing_sets_are_refused(sandbox: LaunchSandbox) -> None:
    folder = sandbox.folder / "empty"
    command = ["align", str(sandbox.recipe), "--run-dir", str(folder)]
    launched = run([*TORCHRUN, *two_ranks(), *command])
    assert launched.returncode == 1
    (error,) = launched.errors
    assert "are not up to date (stage sources)" in error
    assert f"Build the sets first: `mlc-data sets {folder}`" in error
    assert not folder.exists()


def test_other_number_than_launched_is_refused(sandbox: LaunchSandbox) -> None:
    launched = torchrun(sandbox.new_run("three"), "processes=3")
    assert launched.returncode == 1
    (error,) = launched.errors
    assert error.startswith("Error: align.processes is 3, but 2 processes were launched")


@pytest.mark.parametrize("rank", ["0", "1"])
def test_other_commands_are_refused(rank: str, sandbox: LaunchSandbox) -> None:
    environment = plain_environments()[int(rank)]
    (refused,) = run_together([*COMMAND, "run", str(sandbox.recipe)], [environment])
    assert refused.returncode == 2
    (error,) = refused.errors
    assert error.startswith("Error: `mlc-data run` was launched 2 times")


def plain_environments() -> list[dict[str, str]]:
    """Return what srun can set for two processes, each on a machine of its own."""
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    return [{**os.environ, **shared, "RANK": rank, "LOCAL_RANK": "0"} for rank in "01"]
