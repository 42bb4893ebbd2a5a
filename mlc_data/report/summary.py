"""The summary of a run: tables from its manifest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from mlc_data.core.manifest import Manifest
from mlc_data.languages.flores import get_language
from mlc_data.pipeline.layout import REPORT
from mlc_data.pipeline.run import Run
from mlc_data.report.safety import safety_tables
from mlc_data.stages import EVALUATION, STAGES

MEASURES = {
    "loss": "MLC loss",
    "first_share": "first singular value, s_1^2/L",
    "within_cosine": "cosine within sets",
    "between_cosine": "cosine between different prompts",
    "retrieval": "retrieval of the own prompt",
    "retrieval_centred": "retrieval, centred by language",
}
"""Held-out measures by their key in the manifest's ``results``."""


def summary(run: Run) -> Iterator[RenderableType]:
    """Yield the tables and lines to print: rows in and out, languages, measures, paths of outputs."""
    manifest = run.manifest
    yield _rows(manifest)
    if manifest.counts.by_language:
        yield _languages(manifest)
    if "rescue" in manifest.stages and manifest.stages["rescue"].notes.get("rungs"):
        yield _rungs(manifest.stages["rescue"].notes["rungs"])
    if manifest.results.get("after"):
        yield _measures(manifest.results["before"], manifest.results["after"])
    if manifest.results.get("safety"):
        yield from safety_tables(run)
    if manifest.results.get("utility"):
        yield _utility(manifest.results["utility"])
    if "align" in manifest.stages and not set(EVALUATION) & set(manifest.stages):
        name = f" --name {run.training}" if run.training else ""
        yield f"This checkpoint is not evaluated yet: mlc-data evaluate {run.folder}{name}"
    yield _places(run)


def _rows(manifest: Manifest) -> Table:
    counts = manifest.counts
    table = Table("", "in", "kept", "rejected", title=f"Run {manifest.name}", title_justify="left")
    if prompts := counts.prompts:
        table.add_row("prompts", str(prompts.read), str(prompts.kept), reasons(prompts.rejected))
    if variants := counts.variants:
        rejected = {**variants.rejected, **variants.failed}
        table.add_row("variants", str(variants.requested), str(variants.kept), reasons(rejected))
    if sets := counts.sets:
        total = sets.kept + sum(sets.dropped.values())
        table.add_row("variant sets", str(total), str(sets.kept), reasons(sets.dropped))
    return table


def _languages(manifest: Manifest) -> Table:
    table = Table("language", "", "kept", "rejected", "failed", "reasons")
    for code, counts in (manifest.counts.by_language or {}).items():
        totals = (counts.kept, sum(counts.rejected.values()), sum(counts.failed.values()))
        why = reasons({**counts.rejected, **counts.failed})
        table.add_row(code, get_language(code).name, *map(str, totals), why)
    return table


def _rungs(rungs: dict[str, dict[str, float]]) -> Table:
    table = Table("rescue", "tried", "saved", "sentences translated", "seconds")
    for name, cost in rungs.items():
        figures = (cost["tried"], cost["saved"], cost["translated"])
        table.add_row(name, *(str(number) for number in figures), f"{cost['seconds']:.1f}")
    return table


def _measures(before: dict[str, Any], after: dict[str, Any]) -> Table:
    table = Table(f"{before['sets']} held-out variant sets", "before", "after")
    for key, title in MEASURES.items():
        table.add_row(title, f"{before[key]:.4f}", f"{after[key]:.4f}")
    return table


def _utility(results: dict[str, Any]) -> Table:
    table = Table("utility", "before", "after")
    before, after = results["before"], results["after"]
    if "text" in before:
        figures = (model["text"]["perplexity"] for model in (before, after))
        table.add_row("perplexity", *(f"{value:.3f}" for value in figures))
    for task, named in before.get("tasks", {}).items():
        for name, value in named.items():
            table.add_row(f"{task}: {name}", f"{value:.4f}", f"{after['tasks'][task][name]:.4f}")
    return table


def _places(run: Run) -> Table:
    table = Table.grid(padding=(0, 2))
    done = run.manifest.stages
    for stage in STAGES:
        if stage.name in done:
            for name, description in stage.writes.items():
                if run.path(name).exists():
                    table.add_row(description, str(run.path(name)))
    table.add_row("manifest", str(run.path("manifest.json")))
    if run.path(REPORT).is_file():
        table.add_row("report", str(run.path(REPORT)))
    for name, record in done.items():
        table.add_row(f"{name} took", f"{record.seconds:.1f} s")
    return table


def reasons(counts: dict[str, int]) -> str:
    """Return ``{"script": 3, "copied": 1}`` as ``script 3, copied 1``, the most frequent first."""
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {number}" for name, number in ordered)
