"""`mlc-data suites`: published suites of safety prompts that a recipe can name."""

from __future__ import annotations

import difflib
from typing import Annotated

import typer
from rich.table import Table

from mlc_data.core import console
from mlc_data.core.console import out
from mlc_data.errors import UsageError
from mlc_data.evaluate.safety.suites import Suite
from mlc_data.evaluate.safety.suites import suites as all_suites

EXAMPLES = "Example:  mlc-data suites xsafety"

NO_LICENCE = "none found"


def suites(
    name: Annotated[str, typer.Argument(help="One suite, with its paper; all if left out.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
) -> None:
    """List suites of safety prompts for evaluate.safety.prompts. Nothing is downloaded."""
    known = all_suites()
    if name and name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f". Did you mean {near[0]!r}?" if near else f"; there are {', '.join(known)}"
        raise UsageError(f"there is no suite {name!r}{hint}")
    chosen = [known[name]] if name else list(known.values())
    if as_json:
        console.print_json([one.model_dump() for one in chosen])
        return
    out.print(_one(chosen[0]) if name else _table(chosen))


def _table(suites: list[Suite]) -> Table:
    table = Table()
    for heading in ("suite", "prompts", "harmless prompts", "parallel", "licence"):
        table.add_column(heading, no_wrap=heading == "suite")
    for suite in suites:
        table.add_row(
            suite.name,
            suite.prompts,
            "yes" if suite.labels else "no",
            "yes" if suite.parallel else "no",
            suite.licence or NO_LICENCE,
        )
    return table


def _one(suite: Suite) -> Table:
    table = Table("what", "", show_header=False)
    languages = ", ".join(sorted(set(suite.languages.values())))
    columns = suite.model_dump(include={"columns"}, exclude_none=True)["columns"]
    split = f"split {suite.split}" + (f", configuration {suite.config}" if suite.config else "")
    for what, value in (
        ("suite", f"{suite.title}, {suite.prompts}"),
        ("in a recipe", f"evaluate.safety.prompts: [{{suite: {suite.name}}}]"),
        ("Hub", f"{suite.hub} ({split})"),
        (
            "licence",
            suite.licence or f"{NO_LICENCE} on the publisher's page; ask before you publish texts",
        ),
        ("languages", languages),
        ("columns", ", ".join(f"{what}: {column}" for what, column in columns.items())),
        ("translations of each other", "yes" if suite.parallel else "no"),
        ("harmless prompts", suite.harmless),
        ("home", suite.home),
        ("paper", suite.citation),
    ):
        table.add_row(what, value)
    return table
