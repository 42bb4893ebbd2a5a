"""Speed of `mlc-data audit`: a wide file of human translations, without back-translations.

    python benchmarks/audit.py --ntrex DIR

DIR holds one text file for each language (`swh_Latn.txt`), line n of each the same sentence, `eng_Latn.txt`
among them: NTREX-128 under FLORES-200 names. Rows beyond the last line are two lines joined, so that no two
rows are the same. The checks are the quickstart's.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import polars as pl
from rich.console import Console

from mlc_data.audit import audit
from mlc_data.languages.flores import get_language
from mlc_data.recipe.imported import Import
from mlc_data.recipe.loading import load_recipe

SOURCE = "eng_Latn"
TARGETS = (
    "zho_Hans", "arb_Arab", "spa_Latn", "fra_Latn", "deu_Latn", "rus_Cyrl", "swh_Latn", "jpn_Jpan", "hin_Deva",
)  # fmt: skip
APART = 977
"""Lines between the two that are joined."""

console = Console(soft_wrap=True)


def column(folder: Path, code: str, rows: int) -> list[str]:
    """Return the texts of one language."""
    lines = (folder / f"{code}.txt").read_text(encoding="utf-8").splitlines()
    blank = " " if get_language(code).spaced else ""
    joined = (
        first + blank + lines[(number + APART) % len(lines)] for number, first in enumerate(lines)
    )
    return [*lines, *joined][:rows]


def main() -> None:
    """Write the file, audit it and print seconds and counts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ntrex", type=Path, required=True, help="folder of parallel text files")
    parser.add_argument("--rows", type=int, default=3000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "wide.parquet"
        columns = {code: column(chosen.ntrex, code, chosen.rows) for code in (SOURCE, *TARGETS)}
        pl.DataFrame(columns).rename({SOURCE: "prompt"}).write_parquet(path)
        settings = Import(path=str(path), wide={code: code for code in TARGETS})
        started, worked = time.perf_counter(), time.process_time()
        done = audit(settings, load_recipe("quickstart"), Path(folder) / "out")
        seconds, cpu = time.perf_counter() - started, time.process_time() - worked
    total = done.total
    console.print(
        f"{done.rows} rows x {len(TARGETS)} languages: {total.read} variants in {seconds:.1f} s "
        f"({cpu:.1f} s of CPU); "
        f"{total.kept} kept, {total.rejected} rejected, {total.failed} failed"
    )


if __name__ == "__main__":
    main()
