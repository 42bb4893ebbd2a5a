"""`mlc-data explain`: everything about one prompt, and the reasons of its verdicts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from mlc_data.core.console import out
from mlc_data.core.messages import json_text
from mlc_data.lineage.explain import Attempt, Explanation, Variant
from mlc_data.lineage.explain import explain as explain_prompt
from mlc_data.pipeline.run import Run

EXAMPLES = "Example:  mlc-data explain runs/quickstart row:12 --language swh_Latn"


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
    """Show a prompt's translations, rescue attempts, scores with thresholds, and verdicts."""
    explanation = explain_prompt(Run.open(run), prompt_id, language)
    if as_json:
        typer.echo(json_text(asdict(explanation), indent=2, default=dict))
    else:
        show(explanation)


def show(explanation: Explanation) -> None:
    """Print everything about one row."""
    source = explanation.source
    out.rule(f"row {explanation.row} of {source.place}", align="left")
    line("prompt", explanation.prompt)
    line("source", f"{source.place}, {source.sha256 or source.fingerprint}")
    if explanation.rejection:
        line("rejected", explanation.rejection)
        return
    line("id", explanation.prompt_id)
    line("category", explanation.category)
    line("variant set", f"in the {explanation.split} split" if explanation.split else "none")
    for variant in explanation.variants:
        out.rule(f"{variant.language}: {variant.status}", align="left")
        line("reasons", ", ".join(variant.reasons))
        for attempt in variant.attempts:
            _show_attempt(attempt, variant)


def line(name: str, value: object) -> None:
    """Print ``name: value``, if there is a value."""
    if value not in (None, ""):
        out.print(f"{name}: {value}", markup=False, highlight=False, soft_wrap=True)


def _show_attempt(attempt: Attempt, variant: Variant) -> None:
    line("strategy", f"{attempt.rung} (kept)" if attempt == variant.kept else attempt.rung)
    model = attempt.model
    line("model", f"{model.id}, revision {model.revision}, license {model.licence}")
    line("decoding", ", ".join(f"{name} {value}" for name, value in attempt.decoding.items()))
    line("variant", attempt.text or f"none: {attempt.failure}")
    line("back translation", attempt.back_translation)
    segments = Table("sentence", "hypothesis", "back", "log-prob.", "unknown", "from cache")
    for segment in attempt.segments:
        log_prob = "" if segment["log_prob"] is None else f"{segment['log_prob']:.3f}"
        texts = (segment[name] for name in ("source", "text", "back"))
        unknown, cached = f"{segment['unknown_share']:.2f}", "yes" if segment["cached"] else "no"
        segments.add_row(*texts, log_prob, unknown, cached)
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
