"""`mlc-data cache`: size of the translation cache, and removal of old entries."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from mlc_data.cli.options import JsonOption
from mlc_data.core.console import out, print_json
from mlc_data.errors import UsageError
from mlc_data.translate.cache.prune import prune as prune_file
from mlc_data.translate.cache.prune import stats as stats_of
from mlc_data.translate.cache.store import file_of

app = typer.Typer(help="Look at the translation cache, or make it smaller.", no_args_is_help=True)

LocationOption = Annotated[
    str, typer.Option("--cache", help="As translate.cache: a folder, or `auto` for the user's.")
]
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_DAYS = {"": 1, "d": 1, "w": 7, "m": 30, "y": 365}


@app.command(epilog="Example:  mlc-data cache stats")
def stats(location: LocationOption = "auto", as_json: JsonOption = False) -> None:
    """Show entries, size and age of the translation cache."""
    path = file_of(location)
    cache = stats_of(path)
    if as_json:
        print_json({"file": str(path), **asdict(cache)})
        return
    table = Table.grid(padding=(0, 2))
    table.add_row("file", str(path))
    table.add_row("entries", f"{cache.entries:,}")
    table.add_row("size", f"{cache.size / 1e6:,.1f} MB")
    table.add_row("not used for 30 days", f"{cache.unused_30:,}")
    if cache.oldest is not None:
        table.add_row("least recently used", f"{cache.oldest} days ago")
    out.print(table)


@app.command(epilog="Example:  mlc-data cache prune --older-than 90d --max-size 2GB")
def prune(
    older_than: Annotated[
        str | None,
        typer.Option(help="Remove entries that were not used for this long: 90d, 12w, 6m, 1y."),
    ] = None,
    max_size: Annotated[
        str | None,
        typer.Option(
            help="Then remove the least recently used entries until the file fits: 500MB, 2GB."
        ),
    ] = None,
    location: LocationOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Remove old entries. Translations in runs are not touched."""
    if older_than is None and max_size is None:
        raise UsageError("say what to remove: --older-than 90d, --max-size 2GB, or both")
    path = file_of(location)
    days = None if older_than is None else int(_number(older_than, _DAYS, "--older-than", "90d"))
    size = None if max_size is None else int(_number(max_size, _UNITS, "--max-size", "2GB"))
    removed = prune_file(path, days, size)
    left = stats_of(path)
    if as_json:
        print_json({"file": str(path), "removed": removed, "left": asdict(left)})
        return
    out.print(
        f"removed {removed:,} entries; {left.entries:,} are left, {left.size / 1e6:,.1f} MB",
        highlight=False,
    )


def _number(text: str, units: dict[str, int], option: str, example: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]?)b?", text.strip().lower())
    if not match or match[2] not in units:
        raise UsageError(f"{option} takes a number and a unit such as {example}, not {text!r}")
    return float(match[1]) * units[match[2]]
