"""Refreshes of one run again and again, in one process: does anything grow that should not?"""

from __future__ import annotations

import logging
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from scale_stub import prompts, stub_run, write_prompts

from mlc_data.pipeline.run import Run
from mlc_data.refresh.refresh import refresh
from mlc_data.translate.cache.store import TABLE, file_of

PROMPTS, CHANGED = 200, 10
"""Prompts of the run, and how many of them are others in each cycle."""
STEPS = 10
"""Rows of the table of figures."""


@dataclass(frozen=True)
class State:
    """What there is after a refresh: memory in MiB, files and bytes of the run, rows and bytes of the cache, open
    files of the process."""

    memory: float
    files: int
    bytes: int
    rows: int
    cache: int
    open: int


def cycles(folder: Path, number: int) -> None:
    """Refresh a run ``number`` times, each time with other prompts, and print the figures."""
    logging.disable(logging.WARNING)
    folder.mkdir(parents=True, exist_ok=True)
    texts = list(prompts(PROMPTS + CHANGED * number))
    states = {}
    for cycle in range(number + 1):
        write_prompts(folder / "prompts.jsonl", texts[cycle * CHANGED :][:PROMPTS])
        run = refresh(stub_run(folder).recipe, folder / "run").run
        states[cycle] = state(run)
    table = Table("refreshes", "memory MiB", "files", "kB of the run", "cache rows", "bytes a row",
                  "open files")  # fmt: skip
    for cycle in sorted({1, number, *range(0, number + 1, max(1, number // STEPS))}):
        now = states[cycle]
        table.add_row(
            str(cycle), f"{now.memory:.0f}", str(now.files), f"{now.bytes / 1000:.0f}",
            f"{now.rows:,}", f"{now.cache / now.rows:.0f}", str(now.open),
        )  # fmt: skip
    Console().print(table)


def state(run: Run) -> State:
    """Return what there is now."""
    files = [path for path in run.folder.rglob("*") if path.is_file()]
    cache = file_of(str(run.recipe.translate.cache))
    with closing(sqlite3.connect(cache)) as connection:
        (rows,) = connection.execute(f"SELECT count(*) FROM {TABLE}").fetchone()
    used = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return State(
        used / 2**20, len(files), sum(path.stat().st_size for path in files),
        rows, cache.stat().st_size, len(list(Path("/proc/self/fd").iterdir())),
    )  # fmt: skip
