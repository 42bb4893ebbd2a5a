"""Kills and faults in a small real run, more of them than the tests have time for.

    python benchmarks/reliability.py --kills 100 --seed 1

A run of every stage is killed (SIGKILL, SIGTERM or SIGINT to its process group) at random moments, every stage as often
as the others, and restarted to the end after every ten kills; content hashes, counts, results and the checkpoint's
bytes are compared with those of an undisturbed run. `--faults` also runs all faults of tests/faults, at every moment
that they have. Prints a table in Markdown; exits with 1 if anything differed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path[:0] = [str(TESTS)]

from fault_harness import Kill, Nursery, SmallRun, State, litter, moments, recipe, undisturbed  # noqa: E402

BETWEEN = 10
"""Kills after which a run is restarted to the end, compared, and begun anew."""


@dataclass
class Tally:
    """Kills by stage and signal, and what went wrong."""

    kills: list[Kill] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def rows(self) -> list[str]:
        """Return the rows of the table."""
        by_stage = Counter(kill.stage for kill in self.kills)
        late = Counter(kill.stage for kill in self.kills if kill.late)
        signals = Counter((kill.stage, kill.signal.name) for kill in self.kills)
        return [
            f"| {stage} | {count} | {late[stage]} | "
            + ", ".join(
                f"{name} {n}" for (where, name), n in sorted(signals.items()) if where == stage
            )
            + " |"
            for stage, count in by_stage.items()
        ]


def kill_and_compare(whole: SmallRun, expected: State, count: int, seed: int, work: Path) -> Tally:
    """Kill runs ``count`` times, and compare each with the undisturbed one."""
    tally = Tally()
    for part in range(0, count, BETWEEN):
        folder = work / f"killed-{part}"
        folder.mkdir()
        run = whole.elsewhere(folder)
        for moment in moments(seed + part, min(BETWEEN, count - part)):
            try:
                tally.kills.append(run.kill(*moment))
            except AssertionError as error:
                tally.wrong.append(str(error))
        ended = run.run()
        where = f"seed {seed + part}"
        if ended.status:
            tally.wrong.append(f"{where}: ended with {ended.status}:\n{ended.output}")
            continue
        if State.of(run) != expected:
            tally.wrong.append(f"{where}: another result")
        tally.wrong += [f"{where}: left {name}" for name in litter(run)]
        sys.stderr.write(f"{len(tally.kills)} of {count} kills, {len(tally.wrong)} differences\n")
    return tally


@dataclass
class Faults:
    """Cases of each fault test, and how many of them held."""

    held: Counter[str] = field(default_factory=Counter)
    cases: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    output: str = ""

    @property
    def failed(self) -> bool:
        """True if a case did not hold, or none was run."""
        return self.held + self.skipped != self.cases or not self.cases

    def rows(self) -> list[str]:
        """Return the rows of the table."""
        return [
            f"| {name.removeprefix('test_').replace('_', ' ')} | {count} | {self.held[name]} | {self.skipped[name]} |"
            for name, count in self.cases.items()
        ]


def run_faults(chosen: str, work: Path) -> Faults:
    """Run the tests of injected faults with all their moments.

    Args:
        chosen: expression of pytest's ``-k``; empty runs all.
        work: folder for the report.
    """
    report, kills = work / "faults.xml", str(TESTS / "faults/test_kills.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "", "-k", chosen, f"--junit-xml={report}", "--ignore", kills,
         str(TESTS / "faults")],
        capture_output=True, text=True, check=False, env={**os.environ, "MLC_DATA_LONG_FAULTS": "1"},
        cwd=TESTS.parent,
    )  # fmt: skip
    faults = Faults(output=done.stdout + done.stderr)
    if not report.is_file():
        return faults
    for case in ElementTree.parse(report).iter("testcase"):
        name = str(case.get("name")).partition("[")[0]
        faults.cases[name] += 1
        faults.skipped[name] += case.find("skipped") is not None
        faults.held[name] += all(
            case.find(kind) is None for kind in ("skipped", "failure", "error")
        )
    return faults


def kills_in(whole: Path, count: int, seed: int) -> Tally:
    """Run the small run undisturbed, then kill it ``count`` times."""
    with Nursery(whole) as nursery:
        (whole / "whole").mkdir()
        run = SmallRun(nursery, whole / "whole", recipe(whole / "whole"))
        return kill_and_compare(run, undisturbed(run), count, seed, whole)


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the options, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="kills in all")
    parser.add_argument("--seed", type=int, default=1, help="decides stages, moments and signals")
    parser.add_argument(
        "--faults", nargs="?", const="", metavar="EXPRESSION",
        help="inject the faults of tests/faults, too, or those that fit pytest's -k",
    )  # fmt: skip
    chosen = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="mlc-data-reliability-") as name:
        work = Path(name)
        tally = kills_in(work, chosen.kills, chosen.seed) if chosen.kills else Tally()
        faults = None if chosen.faults is None else run_faults(chosen.faults, work)
    command = " ".join(["python benchmarks/reliability.py", *(argv or sys.argv[1:])])
    out = sys.stdout.write
    out(
        f"{datetime.now(UTC):%Y-%m-%d}, `{command}`: {len(tally.kills)} kills, {len(tally.wrong)} differences\n"
    )
    if tally.kills:
        out("\n| stage | kills | after its end | signals |\n|---|---|---|---|\n")
        out("\n".join(tally.rows()) + "\n")
    for wrong in tally.wrong:
        out(f"\n{wrong}\n")
    if faults is not None:
        out("\n| fault | cases | held | skipped |\n|---|---|---|---|\n")
        out("\n".join(faults.rows()) + "\n")
        if faults.failed:
            out(f"\n{faults.output}\n")
    return 1 if tally.wrong or (faults is not None and faults.failed) else 0


if __name__ == "__main__":
    sys.exit(main())
