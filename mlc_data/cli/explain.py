"""`mlc-data explain`: what became of one prompt, and why."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from mlc_data.core.console import out
from mlc_data.lineage.explain import Attempt, Variant
from mlc_data.lineage.explain import explain as explain_prompt
from mlc_data.pipeline.run import Run


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example:  mlc-data explain runs/quickstart row:12 --language swh_Latn")(
        explain
    )


def explain(
    run: Annotated[Path, typer.Argument(help="A run's folder.", metavar="RUN")],
    prompt_id: Annotated[
        str,
        typer.Argument(help="A prompt's id or its first digits, or row:N of the source."),
    ],
    language: Annotated[
        str | None, typer.Option(help="Only this target language (FLORES-200 code).")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Everything as JSON on standard output.")
    ] = False,
) -> None:
    """Show a prompt's translations, every attempt at them, scores beside thresholds, and verdicts."""
    found = explain_prompt(Run.open(run), prompt_id, language)
    if as_json:
        typer.echo(json.dumps(asdict(found), ensure_ascii=False, indent=2, default=dict))
        return
    _line("prompt", found.prompt)
    _line("source row", found.row)
    if found.rejection:
        _line("rejected", found.rejection)
        return
    _line("id", found.prompt_id)
    _line("category", found.category)
    _line("variant set", f"in the {found.split} split" if found.split else "none")
    for variant in found.variants:
        out.rule(f"{variant.language}: {variant.status}", align="left")
        _line("reasons", ", ".join(variant.reasons))
        for attempt in variant.attempts:
            _attempt(attempt, variant)


def _attempt(attempt: Attempt, variant: Variant) -> None:
    taken = " (this one is kept)" if variant.rung == attempt.rung and not variant.reasons else ""
    _line("rung", f"{attempt.rung}{taken}")
    if attempt.model:
        _line("model", f"{attempt.model.id}, revision {attempt.model.revision}")
    _line("variant", attempt.text or f"none: {attempt.failure}")
    _line("back translation", attempt.back_translation)
    segments = Table("sentence", "hypothesis", "back", "log-prob.", "unknown", "from cache")
    for segment in attempt.segments:
        log_prob = "" if segment["log_prob"] is None else f"{segment['log_prob']:.3f}"
        segments.add_row(
            segment["source"],
            segment["text"],
            segment["back"],
            log_prob,
            f"{segment['unknown_share']:.2f}",
            "yes" if segment["cached"] else "no",
        )
    out.print(segments)
    if not attempt.scores:
        return
    scores = Table("score", "value", "must be", "threshold", "")
    for score in attempt.scores:
        must, verdict = "", ""
        if score.bound is not None:
            must = f"{'<=' if score.upper else '>='} {score.bound:.3f}"
            verdict = "passes" if score.passes else "fails"
        scores.add_row(score.name, f"{score.value:.3f}", must, score.key, verdict)
    out.print(scores)


def _line(name: str, value: object) -> None:
    if value not in (None, ""):
        out.print(f"{name}: {value}", markup=False, highlight=False, soft_wrap=True)
