"""Growth of time and memory: seconds and peak memory of every stage up to the variant sets, by number of prompts.

Translation is a stub that answers at once, so what is measured is everything but the engine. Each stage runs in a
process of its own. The smallest size is the baseline: ``time`` is seconds a prompt and ``memory`` peak memory, both
relative to it; 1.00 is linear time and flat memory.

    python benchmarks/growth.py --sizes 10000 100000
    python benchmarks/growth.py --sizes 10000 100000 1000000 --folder /big/disk     hours; 10 languages
    python benchmarks/growth.py --sizes 10000 --stage sources --folder DIR          one stage of one size
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
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mlc_data.execute import run_stage
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe
from mlc_data.rescue import stage as rescuing
from mlc_data.translate import stage as translation
from mlc_data.translate.engines.base import Decoding, Done, Hypothesis, Request

STAGES = ("sources", "translate", "score", "rescue", "check", "sets")
ENDINGS = {
    "spa_Latn": "ado", "fra_Latn": "eux", "deu_Latn": "ung", "ita_Latn": "ezza", "por_Latn": "inho",
    "nld_Latn": "heid", "swh_Latn": "wani", "ind_Latn": "nya", "tur_Latn": "lik", "ron_Latn": "iune",
}  # fmt: skip
"""Target languages; a word of the stub's text is the English word backwards with this ending."""
FAULTY = 50
"""One text in so many lacks its second half, so that rescue and rejection have something to do."""


class Backwards:
    """Translator that spells words backwards, and can be read back exactly."""

    id, revision, licence = "backwards", "1", "Apache-2.0"
    languages = frozenset({"eng_Latn", *ENDINGS})

    def __init__(self) -> None:
        self.settings: dict[str, object] = {"engine": "backwards-1"}
        self.decoding = Decoding()

    def part(self, source: str, target: str) -> Backwards:
        """Return itself."""
        return self

    def translate(
        self,
        requests: Sequence[Request],
        done: Done | None = None,
        decoding: Decoding | None = None,
    ) -> list[Hypothesis]:
        """Return every word backwards."""
        made = [self._one(request, decoding is None) for request in requests]
        if done:
            done(range(len(made)), made)
        return made

    def translate_nbest(
        self, requests: Sequence[Request], decoding: Decoding
    ) -> list[list[Hypothesis]]:
        """Return the same text as often as is asked for."""
        return [[self._one(each, False)] * decoding.num_hypotheses for each in requests]

    def _one(self, request: Request, first: bool) -> Hypothesis:
        words = request.text.split(" ")
        if request.target == "eng_Latn":
            ending = ENDINGS[request.source]
            return Hypothesis(" ".join(_back(word, ending) for word in words), -0.1, 0.0)
        ending = ENDINGS[request.target]
        if first and sum(map(ord, request.text)) % FAULTY == 0:
            words = words[: len(words) // 2]
        return Hypothesis(" ".join(_forth(word, ending) for word in words), -0.1, 0.0)


def _forth(word: str, ending: str) -> str:
    core = word.rstrip("?.!")
    return f"{core[::-1]}{ending}{word[len(core) :]}" if core.isalpha() else word


def _back(word: str, ending: str) -> str:
    core = word.rstrip("?.!")
    return f"{core.removesuffix(ending)[::-1]}{word[len(core) :]}" if core.isalpha() else word


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
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--folder", type=Path, help="of the runs, kept; default: a temporary one")
    parser.add_argument("--stage", choices=STAGES, help="only this stage; those before it are done")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    sizes = sorted(chosen.sizes)
    stages = [chosen.stage] if chosen.stage else list(STAGES)
    if chosen.child:
        print(json.dumps(vars(measure(chosen.folder, chosen.stage))))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen.folder or Path(temporary)
        found = {size: measure_size(folder / str(size), size, stages) for size in sizes}
    table = Table("stage", "prompts", "CPU s", "wall s", "peak MiB", "time", "memory")
    for stage in stages:
        least = found[sizes[0]][stage]
        for size in sizes:
            one = found[size][stage]
            growth = one.seconds / least.seconds * sizes[0] / size
            table.add_row(
                stage, f"{size:,}", f"{one.seconds:.1f}", f"{one.wall:.1f}", f"{one.peak:.0f}",
                f"{growth:.2f}", f"{one.peak / least.peak:.2f}",
            )  # fmt: skip
    Console().print(table)


def measure_size(folder: Path, size: int, stages: Sequence[str]) -> dict[str, Measured]:
    """Return the cost of each stage, each in a process of its own."""
    if not (folder / "prompts.jsonl").exists():
        folder.mkdir(parents=True)
        write_prompts(folder / "prompts.jsonl", size)
    found = {}
    for stage in stages:
        command = [
            sys.executable, __file__, "--child", "--stage", stage, "--folder", str(folder),
        ]  # fmt: skip
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found[stage] = Measured(**json.loads(done.stdout.splitlines()[-1]))
        print(f"{size:,} {stage}: {found[stage]}", file=sys.stderr, flush=True)
    return found


def write_prompts(path: Path, size: int) -> None:
    """Write so many different prompts of ten to fourteen English words."""
    chance = random.Random(7)
    text = (resources.files("mlc_data") / "text" / "data" / "english.txt").read_text("utf-8")
    words = sorted(word for word in text.split() if word.isalpha() and 3 < len(word) < 9)
    with path.open("w", encoding="utf-8") as file:
        for _ in range(size):
            text = " ".join(chance.choices(words, k=chance.randint(6, 10)))
            file.write(json.dumps({"prompt": f"How do I make {text}?"}) + "\n")


def measure(folder: Path, stage: str) -> Measured:
    """Run one stage in this process."""
    translation.load_translator = rescuing.load_translator = lambda _: Backwards()
    recipe = load_recipe(
        "quickstart",
        [
            f"sources.prompts.path={folder / 'prompts.jsonl'}", "sources.preferences=null",
            f"languages.targets=[{','.join(ENDINGS)}]", f"translate.cache={folder / 'cache'}",
            "runner.workers=1", "checks.language_identifiers=[]", "checks.meaning.encoder=null",
        ],
    )  # fmt: skip
    run = Run.create(recipe, folder / "run")
    wall, begun = time.perf_counter(), time.process_time()
    run_stage(run, stage)
    used = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = sum(file.stat().st_size for file in run.folder.rglob("*") if file.is_file())
    return Measured(used, time.perf_counter() - wall, peak, size)


if __name__ == "__main__":
    main()
