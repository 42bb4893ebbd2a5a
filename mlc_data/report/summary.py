"""The summary of a run: tables from its manifest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl
from rich.console import RenderableType
from rich.table import Column, Table
from rich.text import Text

from mlc_data.core.console import number, table
from mlc_data.core.manifest import Manifest
from mlc_data.core.parquet import read_parquet
from mlc_data.languages.flores import get_language
from mlc_data.pipeline.run import Run
from mlc_data.report.engines import engine_tables
from mlc_data.report.safety import safety_tables
from mlc_data.stages import EVALUATION, named

MEASURES = {
    "loss": "MLC loss",
    "first_share": "first singular value, s_1^2/L",
    "within_cosine": "cosine within sets",
    "between_cosine": "cosine between different prompts",
    "retrieval": "retrieval of the own prompt",
    "retrieval_centred": "retrieval, centred by language",
}
"""Held-out measures by their key in the manifest's ``results``."""

BETTER = {
    "loss": "lower",
    "first_share": "higher",
    "within_cosine": "higher",
    "between_cosine": "lower",
    "retrieval": "higher",
    "retrieval_centred": "higher",
}
"""Direction in which each measure is better."""

BY_CHANCE = ("retrieval", "retrieval_centred")
"""Measures that have a value by chance: one in so many held-out sets."""

FEW_SETS = 30


def summary(run: Run) -> Iterator[RenderableType]:
    """Yield the tables and lines of a whole run: rows in and out, languages, training, figures, the run's folder."""
    manifest = run.manifest
    yield _rows(manifest)
    if manifest.counts.by_language:
        yield _languages(manifest)
    yield from engine_tables(manifest)
    if "align" in manifest.stages:
        yield training_table(run)
    yield from _figures(run)
    yield f"Everything is in {run.folder}; checkpoint: {run.path('checkpoint')}"


def stage_summary(run: Run, stage: str) -> Iterator[RenderableType]:
    """Yield what one stage did, for the command that ran it."""
    manifest = run.manifest
    if stage in ("sources", "translate", "rescue", "check", "sets"):
        yield _rows(manifest)
    if stage in ("rescue", "check", "sets") and manifest.counts.by_language:
        yield _languages(manifest)
    if stage in ("translate", "rescue"):
        yield from engine_tables(manifest, stage)
    rescue = manifest.stages.get("rescue")
    if stage == "rescue" and rescue and rescue.notes.get("rungs"):
        yield _rungs(rescue.notes["rungs"])
    if stage == "align":
        yield training_table(run)
    if stage in EVALUATION:
        yield from _figures(run)
    for name, description in named(stage).writes.items():
        if run.path(name).exists():
            yield f"{description}: {run.path(name)}"


def next_steps(run: Run) -> Iterator[tuple[str, str]]:
    """Yield what to do next, each as a purpose and a command."""
    done, folder = run.manifest.stages, run.folder
    name = f" --name {run.training}" if run.training else ""
    if "sets" not in done:
        yield "build the variant sets", f"mlc-data sets {folder}"
    elif "align" not in done:
        yield "train", f"mlc-data align {folder}{name}"
    elif not set(EVALUATION) & set(done):
        # Figures of an earlier checkpoint are gone from the manifest.
        yield "This checkpoint is not evaluated yet", f"mlc-data evaluate {folder}{name}"
    else:
        yield "the report as a page", f"mlc-data report {folder}{name}"
        yield "replies before and after", f"mlc-data show {folder}{name} --replies"
    rejected = (
        sum(run.manifest.counts.variants.rejected.values()) if run.manifest.counts.variants else 0
    )
    if rejected:
        yield "read rejected variants", f"mlc-data show {folder} --rejected"
        if row := _a_rejected_row(run):
            yield "why one was rejected", f"mlc-data explain {folder} {row}"
    if "align" in done:
        yield "your own prompts", "mlc-data recipes copy recommended-qwen2.5-7b mine.yaml"


def next_table(run: Run) -> Table:
    """Return `next_steps` as a table."""
    table = Table.grid(padding=(0, 2))
    for purpose, command in next_steps(run):
        table.add_row(Text(purpose, style="dim"), Text(command, overflow="fold"))
    table.title, table.title_justify = "Next", "left"
    return table


def _a_rejected_row(run: Run) -> int | None:
    path = run.path("rejected", "variants.parquet")
    if not path.is_file():
        return None
    rejected = read_parquet(path, columns=["prompt_id"])["prompt_id"].to_list()
    prompts = read_parquet(run.path("prompts.parquet"), columns=["prompt_id", "row"])
    rows = prompts.filter(pl.col("prompt_id").is_in(rejected))["row"]
    return int(rows[0]) if rows.len() else None


def training_table(run: Run) -> Table:
    """Return the course of a training: method, data, first and last losses."""
    notes = run.manifest.stages["align"].notes
    shown = table("training", number("first step"), number("last step"), "better")
    for key, title in (("loss", f"{run.recipe.align.method} loss, in all"), ("mlc", "MLC loss")):
        if notes.get(key):
            shown.add_row(title, *(f"{value:.4f}" for value in notes[key]), "lower")
    shown.caption = (
        f"{notes.get('steps')} steps on {notes.get('pairs', {}).get('used')} pairs and "
        f"{notes.get('sets', {}).get('used')} variant sets, layer {notes.get('layer')}"
    )
    return shown


def _figures(run: Run) -> Iterator[RenderableType]:
    results = run.manifest.results
    if results.get("after"):
        yield _measures(results["before"], results["after"])
    if results.get("safety"):
        yield from safety_tables(run)
    if results.get("utility"):
        yield _utility(results["utility"])


def _rows(manifest: Manifest) -> Table:
    counts = manifest.counts
    shown = table(
        "rows",
        number("in"),
        number("kept"),
        "rejected",
        title=f"Run {manifest.name}",
    )
    if prompts := counts.prompts:
        shown.add_row("prompts", str(prompts.read), str(prompts.kept), reasons(prompts.rejected))
    if variants := counts.variants:
        rejected = {**variants.rejected, **variants.failed}
        shown.add_row("variants", str(variants.requested), str(variants.kept), reasons(rejected))
    if sets := counts.sets:
        total = sets.kept + sum(sets.dropped.values())
        shown.add_row("variant sets", str(total), str(sets.kept), reasons(sets.dropped))
    return shown


def _languages(manifest: Manifest) -> Table:
    counted = map(number, ("kept", "rejected", "failed"))
    shown = table(Column("language", no_wrap=True), "name", *counted, "reasons")
    for code, counts in (manifest.counts.by_language or {}).items():
        totals = (counts.kept, sum(counts.rejected.values()), sum(counts.failed.values()))
        why = reasons({**counts.rejected, **counts.failed}, most=3)
        shown.add_row(code, get_language(code).name, *map(str, totals), why)
    return shown


def _rungs(rungs: dict[str, dict[str, float]]) -> Table:
    shown = table("rescue", *map(number, ("tried", "saved", "sentences translated", "seconds")))
    for name, cost in rungs.items():
        figures = (cost["tried"], cost["saved"], cost["translated"])
        shown.add_row(name, *(str(number) for number in figures), f"{cost['seconds']:.1f}")
    return shown


def _measures(before: dict[str, Any], after: dict[str, Any]) -> Table:
    sets = before["sets"]
    figures = map(number, ("before", "after", "chance"))
    shown = table(f"{sets} held-out variant sets", *figures, "better")
    for key, title in MEASURES.items():
        chance = f"{before['chance']:.4f}" if key in BY_CHANCE and "chance" in before else ""
        shown.add_row(title, f"{before[key]:.4f}", f"{after[key]:.4f}", chance, BETTER[key])
    if sets < FEW_SETS:
        shown.caption = (
            f"{sets} sets are few: figures move by chance (evaluate.max_sets, more prompts)"
        )
    return shown


def _utility(results: dict[str, Any]) -> Table:
    shown = table("utility", number("before"), number("after"), "better")
    before, after = results["before"], results["after"]
    if "text" in before:
        figures = (model["text"]["perplexity"] for model in (before, after))
        shown.add_row("perplexity", *(f"{value:.3f}" for value in figures), "lower")
    for task, measured in before.get("tasks", {}).items():
        for name, value in measured.items():
            shown.add_row(f"{task}: {name}", f"{value:.4f}", f"{after['tasks'][task][name]:.4f}")
    return shown


def reasons(counts: dict[str, int], most: int | None = None) -> str:
    """Return ``{"script": 3, "copied": 1}`` as ``script 3, copied 1``, the most frequent first.

    Args:
        counts: by reason.
        most: number of reasons to name; the others are counted together.
    """
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    named_ones = [f"{name} {number}" for name, number in ordered[:most]]
    if rest := sum(number for _, number in ordered[len(named_ones) :]):
        named_ones.append(f"others {rest}")
    return ", ".join(named_ones)
