"""`mlc-data languages`: the FLORES-200 codes."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from mlc_data.cli.display import out
from mlc_data.languages import all_languages


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example:  mlc-data languages kurdish")(languages)


def languages(
    search: Annotated[
        str, typer.Argument(help="Part of a code, name or script; all languages if left out.")
    ] = "",
) -> None:
    """FLORES-200 codes, names, scripts, and the label that lid.176 has for each."""
    wanted = search.casefold()
    table = Table("code", "language", "script", "lid.176")
    for language in all_languages():
        texts = (language.code, language.name, language.script)
        if any(wanted in text.casefold() for text in texts):
            table.add_row(*texts, ", ".join(language.lid176) or "none")
    if not table.row_count:
        out.print(f"No FLORES-200 language matches {search!r}.", highlight=False)
        raise typer.Exit(1)
    out.print(table)
