"""Seconds and peak memory of every stage up to the report, by number of prompts, in ten languages.

Translation is a stub that answers at once, so what is measured is everything but the engine. Each stage runs in a
process of its own. The smallest size is the baseline: ``time`` is CPU seconds a prompt and ``memory`` peak memory, both
relative to it; 1.00 is linear time and flat memory. ``index`` is the duplicate index alone, which `score` and `rescue`
build too.

    python benchmarks/scale.py --sizes 10000 30000                  a quarter of an hour
    python benchmarks/scale.py --sizes 100000 1000000 --made --folder /big/disk
    python benchmarks/scale.py --sizes 10000 --stages sources --folder DIR          the stages before are done there
    python benchmarks/scale.py --cycles 50                          refreshes of one run, in one process

With ``--made`` nothing is computed for the tables of `translate`, `score` and `rescue`: they are written in the usual
form through the usual writers, so that a million prompts take an hour instead of many.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from scale_cycles import cycles
from scale_stub import make_tables, prompts, stub_run, write_prompts

from mlc_data.checks.scoring import prepare
from mlc_data.checks.stage import recipe_checks
from mlc_data.checks.tables import parts, translated
from mlc_data.execute import run_stage
from mlc_data.pipeline.run import Run
from mlc_data.report.page import write_report

STAGES = ("sources", "translate", "index", "score", "rescue", "check", "sets", "report")
MADE = ("translate", "score", "rescue")
"""Stages whose tables `--made` writes without computing anything."""


@dataclass(frozen=True)
class Measured:
    """Cost of a stage: CPU seconds, wall seconds, peak resident memory in MiB, bytes of the run's folder."""

    seconds: float
    wall: float
    peak: float
    bytes: int


def main() -> None:
    """Measure every size and print it against the smallest."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--sizes", type=int, nargs="+", default=[10_000, 100_000], help="numbers of prompts")
    add("--folder", type=Path, help="of the runs, kept; default: a temporary one")
    add("--stages", nargs="+", choices=STAGES, default=STAGES, help="those before are done there")
    add("--made", action="store_true", help=f"tables of {', '.join(MADE)} are made, see above")
    add("--cycles", type=int, help="refresh a run of 200 prompts so often, and nothing else")
    add("--child", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        (stage,) = chosen.stages
        print(json.dumps(vars(measure(chosen.folder, stage, made=chosen.made))))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        if chosen.cycles:
            cycles(folder, chosen.cycles)
            return
        sizes = sorted(chosen.sizes)
        stages = [stage for stage in STAGES if stage in chosen.stages]
        found = {
            size: measure_size(folder / str(size), size, stages, made=chosen.made) for size in sizes
        }
    table = Table("stage", "prompts", "CPU s", "wall s", "peak MiB", "time", "memory")
    for stage in stages:
        least = found[sizes[0]][stage]
        for size in sizes:
            one = found[size][stage]
            growth = one.seconds / least.seconds * sizes[0] / size
            table.add_row(
                f"{stage}, made" if chosen.made and stage in MADE else stage,
                f"{size:,}", f"{one.seconds:.1f}", f"{one.wall:.1f}", f"{one.peak:.0f}",
                f"{growth:.2f}", f"{one.peak / least.peak:.2f}",
            )  # fmt: skip
    Console().print(table)


def measure_size(
    folder: Path, size: int, stages: Sequence[str], *, made: bool
) -> dict[str, Measured]:
    """Return the cost of each stage, each in a process of its own."""
    if not (folder / "prompts.jsonl").exists():
        folder.mkdir(parents=True)
        write_prompts(folder / "prompts.jsonl", prompts(size))
    found = {}
    for stage in stages:
        command = [
            sys.executable, __file__, "--child", "--stages", stage, "--folder", str(folder),
            *(["--made"] if made else []),
        ]  # fmt: skip
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found[stage] = Measured(**json.loads(done.stdout.splitlines()[-1]))
        print(f"{size:,} {stage}: {found[stage]}", file=sys.stderr, flush=True)
    return found


def measure(folder: Path, stage: str, *, made: bool) -> Measured:
    """Run one stage in this process."""
    if made:
        make_tables()
    run = stub_run(folder)
    wall, begun = time.perf_counter(), time.process_time()
    work(run, stage)
    used = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = sum(file.stat().st_size for file in run.folder.rglob("*") if file.is_file())
    return Measured(used, time.perf_counter() - wall, peak, size)


def work(run: Run, stage: str) -> None:
    """Run a stage, build the index alone, or write the report."""
    if stage == "report":
        write_report(run)
    elif stage == "index":
        with tempfile.TemporaryDirectory(dir=run.folder.parent) as folder:
            prepare(recipe_checks(run.recipe), lambda: map(translated, parts(run)), Path(folder))
    else:
        run_stage(run, stage)


if __name__ == "__main__":
    main()
