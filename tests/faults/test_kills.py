"""Killed twenty times, twice in every stage, a run ends as one that nothing has disturbed."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from pathlib import Path

import pytest
from fault_harness import Ended, Kill, SmallRun, State, litter, moments

from mlc_data.stages import NAMES

pytestmark = pytest.mark.end_to_end

SEED, KILLS = 20261126, 20


@dataclass(frozen=True)
class Killed:
    """A run that was killed, and restarted to the end; then once more."""

    run: SmallRun
    kills: list[Kill]
    last: Ended
    once_more: Ended
    written: dict[str, int]


@pytest.fixture(scope="module")
def killed(whole: SmallRun, expected: State, tmp_path_factory: pytest.TempPathFactory) -> Killed:
    run = whole.elsewhere(tmp_path_factory.mktemp("killed"))
    kills = [run.kill(*moment) for moment in moments(SEED, KILLS)]
    last = run.run()
    written = mtimes(run.run_dir)
    return Killed(run, kills, last, run.run(), written)


def mtimes(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_it_ends(killed: Killed) -> None:
    assert killed.last.status == 0, killed.last.output


def test_every_stage_was_killed(killed: Killed) -> None:
    assert {kill.stage for kill in killed.kills} == set(NAMES)
    assert sum(not kill.late for kill in killed.kills) >= KILLS // 2


def test_a_kill_is_a_kill(killed: Killed) -> None:
    assert {kill.status for kill in killed.kills if kill.signal == signal.SIGKILL} <= {0, -9}


def test_the_content_hashes_are_the_same(killed: Killed, expected: State) -> None:
    assert State.of(killed.run).hashes == expected.hashes


def test_the_checkpoint_has_the_same_bytes(killed: Killed, expected: State) -> None:
    assert State.of(killed.run).checkpoint == expected.checkpoint


def test_no_row_is_lost_or_doubled(killed: Killed, expected: State) -> None:
    state = State.of(killed.run)
    assert (state.counts, state.keys) == (expected.counts, expected.keys)
    assert state.keys[0] == state.keys[1]


def test_the_results_are_the_same(killed: Killed, expected: State) -> None:
    assert State.of(killed.run).results == expected.results


def test_nothing_is_left_behind(killed: Killed) -> None:
    assert litter(killed.run) == []


def test_a_third_call_changes_nothing(killed: Killed) -> None:
    assert killed.once_more.status == 0
    assert mtimes(killed.run.run_dir) == killed.written
