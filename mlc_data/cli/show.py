"""`mlc-data show`: variants and replies of a run, as text that one can read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.padding import Padding
from rich.text import Text

from mlc_data.cli.options import JsonOption, NameOption
from mlc_data.core.console import out, print_json
from mlc_data.pipeline.run import Run
from mlc_data.report.rows import Selection, replies, variants

EXAMPLES = (
    "Examples:  mlc-data show runs/quickstart --language swh_Latn --rejected  |  "
    "mlc-data show runs/quickstart --replies --search bridge"
)


def show(
    run: Annotated[Path, typer.Argument(help="A run's folder.", metavar="RUN")],
    *,
    language: Annotated[
        list[str],
        typer.Option(metavar="CODE", help="Only this language (FLORES-200 code). Repeatable."),
    ] = [],  # noqa: B006 - Typer copies it
    rejected: Annotated[
        bool, typer.Option("--rejected", help="Only variants that were rejected or failed.")
    ] = False,
    search: Annotated[str, typer.Option(metavar="WORDS", help="Only rows with these words.")] = "",
    replies_: Annotated[
        bool,
        typer.Option("--replies", help="Replies of the model before and after alignment instead."),
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="Number of prompts.")] = 10,
    name: NameOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show prompts with their variants, or with the replies of both models. They may be harmful to read."""
    opened = Run.open(run, name)
    selection = Selection(tuple(language), search, rejected, limit)
    table = replies(opened, selection) if replies_ else variants(opened, selection)
    if as_json:
        print_json(table.to_dicts())
        return
    if table.is_empty():
        out.print("No row fits.", highlight=False)
        return
    for rows in table.partition_by("prompt_id", maintain_order=True):
        (_show_replies if replies_ else _show_variants)(rows)


def _show_variants(rows: pl.DataFrame) -> None:
    for number, row in enumerate(rows.iter_rows(named=True)):
        if not number:
            out.print(Text(f"{row['row']}  {row['source']}", style="bold"), soft_wrap=True)
        why = ", ".join(row["reasons"]) or row["failure"]
        style = "green" if row["status"] == "kept" else "red"
        status = Text(f"{row['status']}{f': {why}' if why else ''}", style)
        out.print(Text.assemble(f"  {row['language']:<8}  ", status))
        _text(row["text"] or "no text")
        if row["status"] != "kept" and row["back_translation"]:
            _text(f"back: {row['back_translation']}", style="dim")


def _show_replies(rows: pl.DataFrame) -> None:
    for row in rows.iter_rows(named=True):
        kind = "harmful" if row["harmful"] else "harmless"
        out.print(
            Text.assemble((f"{row['language']}  {row['prompt']}", "bold"), (f"  ({kind})", "dim"))
        )
        for when in ("before", "after"):
            verdict = row[f"verdict_{when}"] or "not judged"
            out.print(Text(f"  {when}: {verdict}"))
            _text(row[when] or "no reply")


def _text(text: str, style: str = "") -> None:
    out.print(Padding(Text(text, style=style), (0, 0, 0, 12), expand=False))
