"""`mlc-data audit`: every check on translations that exist already."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from mlc_data.audit import Audit
from mlc_data.audit import audit as audit_file
from mlc_data.cli.options import QuietOption, SetOption, WithOption
from mlc_data.core import console
from mlc_data.core.paths import source_file
from mlc_data.errors import UsageError
from mlc_data.languages.flores import find_language
from mlc_data.recipe.imported import Import
from mlc_data.recipe.loading import load_recipe

_ROLES = ("prompt", "language", "variant", "back_translation")


EXAMPLES = (
    "Example:  mlc-data audit translations.csv --out audit --column variant=translation  |  "
    "mlc-data audit wide.tsv --out audit --wide zho_Hans=zh,arb_Arab=ar"
)


def audit(
    file: Annotated[
        str,
        typer.Argument(
            help="Translations: .csv, .tsv, .jsonl or .parquet with the columns prompt, language, "
            "variant and, for the round trip, back_translation.",
            metavar="FILE",
        ),
    ],
    *,
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="Folder for audit.parquet; made if missing."),
    ],
    column: Annotated[
        list[str],
        typer.Option(
            "--column",
            metavar="NAME=THEIRS",
            help="The file's own name of a column, e.g. variant=translation. Repeatable.",
        ),
    ] = [],  # noqa: B006 - Typer copies it
    language: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="Language of all variants, in a file of one language."),
    ] = None,
    wide: Annotated[
        list[str],
        typer.Option(
            "--wide",
            metavar="CODE=COLUMN,...",
            help="A column of variants for each language, e.g. zho_Hans=zh,arb_Arab=ar. Repeatable.",
        ),
    ] = [],  # noqa: B006
    recipe: Annotated[
        str,
        typer.Option(
            "--recipe",
            metavar="RECIPE",
            help="Recipe whose checks are used: a shipped one's name, a YAML file, or a run's folder.",
        ),
    ] = "quickstart",
    set_: SetOption = [],  # noqa: B006
    with_: WithOption = [],  # noqa: B006
    json: Annotated[
        bool, typer.Option("--json", help="Print the figures as JSON, nothing else.")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Run every check on translations that exist already, and write a verdict for each."""
    console.set_up(quiet=quiet or json)
    loaded = load_recipe(recipe, set_, with_)
    settings = _settings(file, column, language, wide)
    done = audit_file(settings, loaded, out, "--column {role}=COLUMN")
    if json:
        console.out.print_json(data=done.as_dict())
        return
    console.out.print(_table(done))
    for note in done.notes.values():
        console.out.print(note, markup=False, highlight=False, soft_wrap=True)
    total = done.total
    console.out.print(
        f"{total.read} variants of {done.rows} rows: {total.kept} kept, {total.rejected} rejected, "
        f"{total.failed} failed; wrote {done.table}",
        highlight=False,
        soft_wrap=True,
    )


def _settings(file: str, column: list[str], language: str | None, wide: list[str]) -> Import:
    """Return the file and its layout from the options.

    Raises:
        SourceError: there is no such file.
        UsageError: an option is malformed, or two of them do not go together.
    """
    source_file(file, "FILE")
    if wide and language:
        raise UsageError("--language is for a file of one language, --wide for several: name one")
    columns = dict(_pair(one, "--column", "NAME=THEIRS") for one in column)
    if unknown := [name for name in columns if name not in _ROLES]:
        raise UsageError(f"--column {unknown[0]}=...: there is no such column; {', '.join(_ROLES)}")
    for option, given, unread in (
        ("--wide", wide, ("language", "variant", "back_translation")),
        ("--language", language, ("language",)),
    ):
        if given and (named := [role for role in unread if role in columns]):
            raise UsageError(f"--column {named[0]}=... is not read with {option}: leave one out")
    settings: dict[str, Any] = {"path": file, "columns": columns}
    if language:
        settings["language"] = find_language(language).code
    if wide:
        # A comma may also be part of a column's name.
        parts = [part for one in wide for part in re.split(r",(?=[^,=]+=)", one)]
        pairs = [_pair(part, "--wide", "CODE=COLUMN") for part in parts]
        codes = [find_language(code).code for code, _ in pairs]
        for what, names in (("language", codes), ("column", [name for _, name in pairs])):
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise UsageError(f"--wide names the {what} {', '.join(twice)} more than once")
        settings["wide"] = dict(zip(codes, (name for _, name in pairs), strict=True))
    return Import.model_validate(settings)


def _pair(text: str, option: str, form: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    if not name.strip() or not value:
        raise UsageError(f"{option} takes {form}, not {text!r}")
    return name.strip(), value


def _table(done: Audit) -> Table:
    """Return languages x reasons; a variant counts under each of its reasons."""
    found = done.total.reasons
    order = [name for name in done.checks if name in found]
    order += sorted(name for name in found if name not in done.checks)
    table = Table()
    for heading in ("language", "read", "kept", "rejected", "failed", *order):
        table.add_column(heading, overflow="fold", no_wrap=heading == "language")
    rows = [(code or "none named", counts) for code, counts in done.by_language.items()]
    if len(rows) > 1:
        rows.append(("all", done.total))
    for name, counts in rows:
        figures = (counts.read, counts.kept, counts.rejected, counts.failed)
        reasons = (counts.reasons[reason] for reason in order)
        table.add_row(name, *(str(figure) if figure else "-" for figure in (*figures, *reasons)))
    return table
