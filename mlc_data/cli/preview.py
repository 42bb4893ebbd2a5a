"""`--preview` of `mlc-data check` and `mlc-data sets`: which variants other thresholds would flip."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from mlc_data.checks.preview import preview
from mlc_data.core import console
from mlc_data.pipeline.run import Run

PreviewOption = Annotated[
    bool,
    typer.Option(
        "--preview",
        help="Show which variants would be kept or rejected with these thresholds; write nothing.",
    ),
]

_EXAMPLES = 10


def show_preview(run: Run) -> None:
    """Print how many variants would flip by language and reason, with examples.

    Raises:
        UsageError: the run has no scores yet.
    """
    run.check_folder()
    flips = preview(run)
    table = Table("language", "would be rejected", "reasons", "would be kept")
    for row in flips.by_language().iter_rows(named=True):
        table.add_row(row["language"], str(row["rejected"]), row["reasons"], str(row["kept"]))
    console.out.print(
        f"{flips.table.height} of {flips.total} variants would flip; nothing was written"
    )
    if flips.table.is_empty():
        return
    console.out.print(table)
    for row in flips.table.head(_EXAMPLES).iter_rows(named=True):
        console.out.print(
            f"{row['language']}  {row['before']} -> {row['after']}  {row['text'] or ''}",
            markup=False,
            highlight=False,
        )
