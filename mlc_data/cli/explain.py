"""`mlc-data explain`: what became of one prompt, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from mlc_data.cli.display import out
from mlc_data.report.explain import explain as explain_prompt
from mlc_data.workspace import Run


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
) -> None:
    """Show a prompt's translations, scores and verdicts."""
    found = explain_prompt(Run.open(run), prompt_id, language)
    _line("prompt", found.prompt)
    _line("source row", found.row)
    if found.rejection:
        _line("rejected", found.rejection)
        return
    _line("id", found.prompt_id)
    _line("category", found.category)
    _line("variant set", f"in the {found.split} split" if found.split else "none")
    for variant in found.variants:
        out.rule(f"{variant['language']}: {variant['status']}", align="left")
        _variant(variant)


def _variant(variant: dict[str, Any]) -> None:
    if variant["reasons"]:
        _line("reasons", ", ".join(variant["reasons"]))
    _line("variant", variant["text"] or f"none: {variant['failure']}")
    _line("back translation", variant["back_translation"])
    segments = Table("sentence", "hypothesis", "back", "log-prob.", "unknown", "from cache")
    for segment in variant["segments"]:
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
    scores = [
        f"{name} {value:.3f}" for name, value in variant["scores"].items() if value is not None
    ]
    _line("scores", ", ".join(scores))


def _line(name: str, value: object) -> None:
    if value not in (None, ""):
        out.print(f"{name}: {value}", markup=False, highlight=False, soft_wrap=True)
