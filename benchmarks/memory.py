"""Does memory stay flat? Peak resident memory of translation and checks, by number of variants.

The model is the unit tests' stub (it answers at once), so what is measured is ours alone. Each size is
run in a fresh process; the smallest is the baseline.

    python benchmarks/memory.py --sizes 20000 200000
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

TARGETS = ("spa_Latn", "swh_Latn", "zho_Hans")
WORDS = [
    "how",
    "do",
    "I",
    "bake",
    "bread",
    "paint",
    "the",
    "old",
    "wall",
    "plant",
    "seven",
    "trees",
    "write",
    "a",
    "long",
    "letter",
    "fix",
    "my",
    "bike",
    "learn",
    "to",
    "swim",
    "before",
    "summer",
    "comes",
    "and",
    "tell",
    "everyone",
    "about",
    "it",
    "in",
    "a",
    "kind",
    "way",
]


def main() -> None:
    """Measure every size and print peak memory against that of the smallest."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[20_000, 200_000])
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        sys.stdout.write(json.dumps(measure(chosen.one)) + "\n")
        return
    table = Table("variants", "seconds", "peak MiB", "of the smallest")
    first = None
    for size in sorted(chosen.sizes):
        command = [sys.executable, __file__, "--one", str(size)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        seconds, peak = json.loads(done.stdout.splitlines()[-1])
        first = first or peak
        table.add_row(f"{size:,}", f"{seconds:.1f}", f"{peak:.0f}", f"{peak / first:.3f}")
    Console().print(table)


def measure(variants: int) -> tuple[float, float]:
    """Seconds and peak MiB of one run."""
    sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
    from support import StubTranslator

    from mlc_data.execute import run_stage
    from mlc_data.pipeline.run import Run
    from mlc_data.recipe.loading import load_recipe
    from mlc_data.translate import stage as translation

    class Forgetful(StubTranslator):
        """Does not keep what it was asked, which the tests look at."""

        def translate(self, requests, done=None, decoding=None):  # type: ignore[no-untyped-def]
            made = super().translate(requests, done, decoding)
            self.asked.clear()
            return made

    translation.load_translator = lambda _: Forgetful()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "prompts.jsonl"
        chance = random.Random(7)
        with path.open("w") as file:
            for number in range(variants // len(TARGETS)):
                text = " ".join(chance.choices(WORDS, k=12))
                file.write(json.dumps({"prompt": f"{text} {number}. Please {text}!"}) + "\n")
        recipe = load_recipe(
            "quickstart",
            [
                f"sources.prompts.path={path}", "sources.preferences=null",
                f"languages.targets=[{','.join(TARGETS)}]", f"translate.cache={name}/cache",
            ],
        )  # fmt: skip
        run = Run.create(recipe, Path(name) / "run")
        run_stage(run, "sources")
        begun = time.perf_counter()
        for stage in ("translate", "score", "check"):
            run_stage(run, stage)
        seconds = time.perf_counter() - begun
    return seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
