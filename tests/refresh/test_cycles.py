"""Refreshes of one run again and again: nothing grows but the cache, by the rows that are new."""

from __future__ import annotations

import copy
import gc
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from refresh_support import SPREAD, Project, open_project, rows_of
from support import SMALL

from mlc_data.translate.cache.store import TABLE, file_of

pytestmark = pytest.mark.integration

CYCLES, PROMPTS, NEW = 6, 12, 2


@dataclass(frozen=True)
class State:
    """What there is after a refresh: files of the run, rows of the cache, sentences asked for, open files."""

    files: frozenset[str]
    rows: int
    asked: int
    open: int


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> list[State]:
    """The states after a build and six refreshes, each with two other prompts."""
    folder = tmp_path_factory.mktemp("cycles")
    with pytest.MonkeyPatch.context() as patch:
        small = copy.deepcopy(SMALL)
        project = open_project(
            folder, small, patch, rows_of(SPREAD[:PROMPTS]), rescue={"rungs": []}
        )
        return [cycle(project, number) for number in range(CYCLES + 1)]


def cycle(project: Project, number: int) -> State:
    """Refresh with the prompts of a cycle."""
    first = number * NEW
    project.write(rows_of(SPREAD[first : first + PROMPTS], first))
    project.refresh()
    gc.collect()
    files = {path.relative_to(project.run_dir).as_posix() for path in project.run_dir.rglob("*")}
    with closing(sqlite3.connect(file_of(str(project.folder / "cache")))) as connection:
        (rows,) = connection.execute(f"SELECT count(*) FROM {TABLE}").fetchone()
    asked = len({request for requests in project.asked.values() for request in requests})
    return State(frozenset(files), rows, asked, len(list(Path("/proc/self/fd").iterdir())))


def test_no_file_is_added(states: list[State]) -> None:
    assert {state.files for state in states[1:]} == {states[1].files}


def test_the_cache_grows_by_what_the_engine_was_asked(states: list[State]) -> None:
    rows = [0, *(state.rows for state in states)]
    assert [later - earlier for earlier, later in pairwise(rows)] == [one.asked for one in states]
    assert states[-1].asked < states[0].asked / 2


def test_no_file_stays_open(states: list[State]) -> None:
    assert states[-1].open == states[1].open
