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


def run_faults() -> str:
    """Run the tests of injected faults with all their moments; return pytest's last line."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "", str(TESTS / "faults"), "--deselect", str(TESTS / "faults/test_kills.py")],
        capture_output=True, text=True, check=False, env={**os.environ, "MLC_DATA_LONG_FAULTS": "1"},
        cwd=TESTS.parent,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    if done.returncode:
        sys.stderr.write(done.stdout)
    return f"{'failed' if done.returncode else 'held'}: {lines[-1] if lines else done.stderr}"


def main(argv: Sequence[str] | None = None) -> int:
    """Parse the options, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="kills in all")
    parser.add_argument("--seed", type=int, default=1, help="decides stages, moments and signals")
    parser.add_argument(
        "--faults", action="store_true", help="inject the faults of tests/faults, too"
    )
    chosen = parser.parse_args(argv)
    with (
        tempfile.TemporaryDirectory(prefix="mlc-data-reliability-") as name,
        Nursery(Path(name)) as nursery,
    ):
        work = Path(name)
        (work / "whole").mkdir()
        whole = SmallRun(nursery, work / "whole", recipe(work / "whole"))
        expected = undisturbed(whole)
        tally = kill_and_compare(whole, expected, chosen.kills, chosen.seed, work)
    faults = run_faults() if chosen.faults else "not run"
    command = " ".join(["python benchmarks/reliability.py", *(argv or sys.argv[1:])])
    out = sys.stdout.write
    out(
        f"{datetime.now(UTC):%Y-%m-%d}, `{command}`: {len(tally.kills)} kills, {len(tally.wrong)} differences; "
    )
    out(f"faults {faults}\n\n| stage | kills | after its end | signals |\n|---|---|---|---|\n")
    out("\n".join(tally.rows()) + "\n")
    for wrong in tally.wrong:
        out(f"\n{wrong}\n")
    return 1 if tally.wrong or faults.startswith("failed") else 0


if __name__ == "__main__":
    sys.exit(main())
