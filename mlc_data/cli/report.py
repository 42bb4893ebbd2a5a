"""`mlc-data report`: a run as one page, and `mlc-data compare`: two runs side by side."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from mlc_data.cli.options import NameOption, QuietOption
from mlc_data.core import console
from mlc_data.core.console import out
from mlc_data.errors import UsageError
from mlc_data.pipeline.run import Run

if TYPE_CHECKING:
    from mlc_data.report.compare import Comparison

REPORT_EXAMPLES = "Example:  mlc-data report runs/quickstart --open"
COMPARE_EXAMPLES = "Example:  mlc-data compare runs/before runs/after --out compared.html"

RunArgument = Annotated[Path, typer.Argument(help="A run's folder.", metavar="RUN")]


def report(
    run: RunArgument,
    *,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    out_: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Another file than report.html in the run's folder."
        ),
    ] = None,
    rows: Annotated[
        int, typer.Option(min=0, help="Variants in the row browser; of more, a sample.")
    ] = 2000,
    review: Annotated[
        int, typer.Option(min=4, help="Variants of each language to judge in review mode.")
    ] = 20,
    seed: Annotated[int, typer.Option(min=0, help="Another seed gives other samples.")] = 0,
    name: NameOption = None,
    quiet: QuietOption = False,
) -> None:
    """Write a run's report: one HTML file with figures, rows, thresholds, replies and review mode."""
    console.set_up(quiet=quiet)
    from mlc_data.report.page import PageOptions, write_report

    if out_ is not None and not out_.absolute().parent.is_dir():
        raise UsageError(f"--out: there is no folder {out_.absolute().parent}")
    options = PageOptions(rows=rows, review=review, seed=seed)
    path = write_report(Run.open(run, name), options, out_)
    out.print(str(path), highlight=False, markup=False, soft_wrap=True)
    if open_ and not webbrowser.open(path.resolve().as_uri()):
        raise UsageError(f"--open: no browser can be started here; open {path} yourself")


def compare(
    first: Annotated[Path, typer.Argument(help="A run's folder.", metavar="RUN_A")],
    second: Annotated[Path, typer.Argument(help="Another run's folder.", metavar="RUN_B")],
    *,
    out_: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write a page (.html) too.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Everything as JSON on standard output.")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Put two runs side by side: counts, languages, reasons, thresholds, refusals, settings."""
    console.set_up(quiet=quiet or as_json)
    from mlc_data.report.compare import compare as compare_runs
    from mlc_data.report.compare import write_page

    if out_ is not None and (out_.suffix != ".html" or not out_.absolute().parent.is_dir()):
        raise UsageError(f"--out: {out_} has to be an .html file in a folder that exists")
    found = compare_runs(Run.open(first), Run.open(second))
    if out_ is not None:
        write_page(found, out_)
    if as_json:
        console.print_json(found.as_dict())
        return
    _show(found)
    if out_ is not None:
        out.print(f"written to {out_}", highlight=False, markup=False, soft_wrap=True)


def _show(found: Comparison) -> None:
    for part in found.parts:
        if not part.lines:
            continue
        table = Table(part.title, *found.names, title_justify="left")
        for line in part.lines:
            table.add_row(line.name, line.first, line.second)
        out.print(table)
    if not any(part.lines for part in found.parts):
        out.print("the two runs have nothing to compare yet", highlight=False)
