"""What does a second build cost when 1 % of the prompts are new?

Builds a run of the given size, then the same with 1 % of its prompts replaced, each in a process of
its own with `mlc-data check`, and counts the sentences that the engine was handed. Start-up is what the
command takes for a single prompt: Python, models to be hashed and loaded.

    python benchmarks/rerun.py                       NLLB-200-600M's shape, random int8 weights
    python benchmarks/rerun.py --model phrasebook    the quickstart's model

The quickstart's engine is so fast that reading, joining and scoring again, which a second build does for
every prompt, show; with a model of the size that people use they do not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table
from shapes import TARGETS_OF_SHAPE, build_shape
from translation import sentences

from mlc_data.core.manifest import read_manifest

NEW = 0.01
MOST = 0.03
"""Of the first build's seconds, beyond start-up, that the second may take."""


def main() -> int:
    """Measure and print the table; 1 if the second build took or translated too much."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", choices=["phrasebook", "600m"], default="600m")
    parser.add_argument("--prompts", type=int, help="default 200, with the phrasebook 2000")
    chosen = parser.parse_args()
    big = chosen.model == "600m"
    number = chosen.prompts or (200 if big else 2000)
    fresh = max(1, round(NEW * number))
    prompts = list(sentences(number + fresh + 1))
    old, new = prompts[:number], prompts[fresh : number + fresh]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = ["sources.preferences=null", f"translate.cache={folder / 'cache'}"]
        if big:
            build_shape(folder / "model")
            # Random weights never end a sentence; a failure is a hypothesis like any other here, and
            # is not tried again.
            settings += [
                f"translate.model={folder / 'model'}", "translate.max_output_tokens=16",
                f"languages.targets=[{','.join(TARGETS_OF_SHAPE)}]", "rescue.rungs=[]",
                "translate.round_trip=false",
            ]  # fmt: skip
        alone = build(folder / "alone", settings, prompts[-1:])
        first = build(folder / "whole", settings, old)
        second = build(folder / "whole", settings, new)
    table = Table("build", "seconds", "sentences translated", "from the cache",
                  title=f"{number} prompts, {fresh} of them new in the second build")  # fmt: skip
    for what, (seconds, asked, known) in (
        ("of one prompt", alone), ("first", first), ("second, 1 % new", second),
    ):  # fmt: skip
        table.add_row(what, f"{seconds:.2f}", f"{asked:,}", f"{known:,}")
    console = Console()
    console.print(table)
    beyond = (second[0] - alone[0]) / first[0]
    console.print(
        f"the second took {beyond:.1%} of the first build's time beyond start-up ({alone[0]:.2f} s), and "
        f"translated {second[1] / first[1]:.1%} of its sentences"
    )
    return int(beyond > MOST or second[1] > 2 * NEW * first[1])


def build(folder: Path, settings: list[str], prompts: list[str]) -> tuple[float, int, int]:
    """Seconds of the command, sentences that the engine translated, and that the cache knew."""
    folder.mkdir(exist_ok=True)
    path = folder / "prompts.jsonl"
    path.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in prompts))
    command = [
        str(Path(sys.executable).parent / "mlc-data"), "check", "quickstart", "--quiet",
        "--run-dir", str(folder / "run"), "--set", f"sources.prompts.path={path}",
    ]  # fmt: skip
    command += [part for setting in settings for part in ("--set", setting)]
    before = read_manifest(folder / "run" / "manifest.json").stages.get("translate")
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - begun
    record = read_manifest(folder / "run" / "manifest.json").stages["translate"]
    if before is not None and before.finished == record.finished and before.key == record.key:
        return seconds, 0, 0
    return seconds, record.notes["translated"], record.notes["from_cache"]


if __name__ == "__main__":
    sys.exit(main())
