"""`mlc-data languages`: the FLORES-200 codes."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from mlc_data.checks.calibration import CALIBRATED
from mlc_data.cli.options import JsonOption
from mlc_data.core.console import out, print_json
from mlc_data.languages.flores import all_languages

EXAMPLES = "Example:  mlc-data languages kurdish"


def languages(
    search: Annotated[
        str, typer.Argument(help="Part of a code, name or script; all languages if left out.")
    ] = "",
    calibrated: Annotated[
        bool, typer.Option("--calibrated", help="Only those with default thresholds of their own.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List FLORES-200 codes, names, scripts, the label that lid.176 has for each, and whether the default
    thresholds come from translations into it. (Others: see `mlc-data calibrate`.)"""
    wanted, found = search.casefold(), []
    table = Table("code", "language", "script", "lid.176", "calibrated")
    for language in all_languages():
        texts = (language.code, language.name, language.script)
        own = language.code in CALIBRATED
        if any(wanted in text.casefold() for text in texts) and (own or not calibrated):
            found.append({**asdict(language), "calibrated": own})
            labels = ", ".join(language.lid176) or "none"
            table.add_row(*texts, labels, "yes" if own else "no")
    if not table.row_count:
        out.print(f"No FLORES-200 language matches {search!r}.", highlight=False)
        raise typer.Exit(1)
    if as_json:
        print_json(found)
        return
    out.print(table)
