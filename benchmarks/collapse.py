"""Does the consistency loss pull prompts together that should stay apart?

The quickstart's variant sets are built once; the same model is then aligned in several ways and measured on
held-out sets. Consistency (s_1^2 / m, near 1: the languages of a prompt lie on one line) is worth something
only while different prompts stay apart (cosine between them, share of variants that lie nearest to their own
prompt).

    python benchmarks/collapse.py                    16 steps a way
    python benchmarks/collapse.py --steps 100 --set align.loss.layer=auto
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from mlc_data.execute import run_stages
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe

WAYS = {
    "alignment alone": ["align.loss.weight=0"],
    "+ MLC": ["align.loss.separation=0"],
    "+ MLC + separation 0.33": ["align.loss.separation=0.33"],
    "+ MLC + separation 1": ["align.loss.separation=1"],
}
COLUMNS = (
    "loss",
    "first_share",
    "within_cosine",
    "between_cosine",
    "retrieval",
    "retrieval_centred",
)


def main() -> None:
    """Align in every way and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=16)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", dest="overrides")
    chosen = parser.parse_args()
    common = [f"align.max_steps={chosen.steps}", *chosen.overrides]
    table = Table("way", *(name.replace("_", " ") for name in COLUMNS))
    with tempfile.TemporaryDirectory() as name:
        sets = Path(name) / "sets"
        run_stages(Run.create(load_recipe("quickstart", common), sets), "sets")
        before: dict[str, Any] = {}
        for number, (way, settings) in enumerate(WAYS.items()):
            folder = Path(name) / str(number)
            shutil.copytree(sets, folder)
            run = Run.create(load_recipe("quickstart", [*common, *settings]), folder)
            run_stages(run, "evaluate")
            results = run.manifest.results
            if not before:
                before = results["before"]
                _row(table, "before", before)
            _row(table, way, results["after"])
            layer = run.manifest.stages["align"].notes["layer"]
    console = Console(width=120)
    table.title = (
        f"{before['sets']} held-out sets, layer {layer}, {chosen.steps} steps; chance of retrieval "
        f"{before['chance']:.4f}"
    )
    console.print(table)


def _row(table: Table, way: str, measured: dict[str, Any]) -> None:
    table.add_row(way, *(f"{measured[name]:.4f}" for name in COLUMNS))


if __name__ == "__main__":
    main()
