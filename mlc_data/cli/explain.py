"""`mlc-data explain`: everything about one prompt, and the reasons of its verdicts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.padding import Padding
from rich.table import Column, Table
from rich.text import Text

from mlc_data.checks.verdicts import FIRST
from mlc_data.cli.options import JsonOption
from mlc_data.core.console import out, print_json
from mlc_data.lineage.explain import Attempt, Explanation, Score, Variant
from mlc_data.lineage.explain import explain as explain_prompt
from mlc_data.lineage.find import HELP
from mlc_data.pipeline.run import Run

EXAMPLES = (
    "Examples:  mlc-data explain runs/quickstart 12 --language swh_Latn  |  "
    'mlc-data explain runs/quickstart "bake bread" --all'
)


def explain(
    run: Annotated[Path, typer.Argument(help="A run's folder.", metavar="RUN")],
    row: Annotated[str, typer.Argument(help=HELP, metavar="ROW")],
    language: Annotated[
        str | None, typer.Option(help="Only this target language (FLORES-200 code).")
    ] = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Every attempt with its model, sentences, and all scores."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what became of a prompt: a line for each language, with the scores that failed."""
    explanation = explain_prompt(Run.open(run), row, language)
    if as_json:
        print_json(asdict(explanation))
    elif everything:
        show(explanation)
    else:
        _show_short(explanation)
        if explanation.variants:
            out.print(Text("Every attempt and score: the same command with --all", style="dim"))


def _show_short(explanation: Explanation) -> None:
    out.print(Text(f"row {explanation.row}: {explanation.prompt}", style="bold"), soft_wrap=True)
    if explanation.rejection:
        out.print(f"rejected: {explanation.rejection}", highlight=False)
        return
    where = f"in the {explanation.split} split" if explanation.split else "not in a variant set"
    about = [f"id {explanation.prompt_id}", explanation.category, where]
    out.print(", ".join(filter(None, about)), highlight=False)
    for variant in explanation.variants:
        # The attempt that was kept, else the last that was tried.
        attempt = variant.kept or variant.attempts[-1]
        why = ", ".join(variant.reasons) or attempt.failure or ""
        strategy = "" if attempt.rung == FIRST else f" ({attempt.rung})"
        status = Text(f"{variant.status}{strategy}", "green" if variant.kept else "red")
        out.print(Text.assemble(f"{variant.language:<8}  ", status, f"  {why}" if why else ""))
        out.print(Padding(attempt.text or "no text", (0, 0, 0, 10), expand=False), highlight=False)
        if variant.kept:
            continue
        if attempt.back_translation:
            out.print(
                Padding(f"back: {attempt.back_translation}", (0, 0, 0, 10), expand=False),
                highlight=False,
            )
        for score in attempt.scores:
            if not score.passes:
                line(
                    "          fails",
                    f"{score.name} {score.value:.3f}, {_must(score)} ({score.key})",
                )


def _must(score: Score) -> str:
    return f"must be {'<=' if score.upper else '>='} {score.bound:.3f}"


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
    # The key is what one copies: it is folded, never cut.
    scores = Table(
        "", "score", Column("value", justify="right"), "must be", Column("key", overflow="fold")
    )
    for score in attempt.scores:
        must, verdict = "", Text("")
        if score.bound is not None:
            must = f"{'<=' if score.upper else '>='} {score.bound:.3f}"
            verdict = Text("passes", "green") if score.passes else Text("fails", "bold red")
        scores.add_row(verdict, score.name, f"{score.value:.3f}", must, score.key)
    out.print(scores)
