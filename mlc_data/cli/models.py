"""`mlc-data models`: convert a translation model, and show a converted one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from mlc_data.cli.options import JsonOption, QuietOption
from mlc_data.core import console
from mlc_data.core.console import out, print_json
from mlc_data.errors import ModelError

app = typer.Typer(help="Convert and show translation models.", no_args_is_help=True)


@app.command(
    epilog="Example:  mlc-data models convert facebook/m2m100_418M --out models/m2m100-418m"
)
def convert(
    model: Annotated[str, typer.Argument(help="A folder, or organisation/name on the Hub.")],
    *,
    to: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write.")],
    quantization: Annotated[str, typer.Option(help="Type of the weights on disk.")] = "int8",
    family: Annotated[
        str, typer.Option(help="auto, nllb, m2m100, madlad or marian: the model's token layout.")
    ] = "auto",
    revision: Annotated[
        str | None, typer.Option(help="Commit, tag or refs/pr/NUMBER on the Hub.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="SPDX identifier, instead of what the model card says.")
    ] = None,
    languages: Annotated[
        str,
        typer.Option(metavar="SOURCE,TARGET", help="FLORES-200 codes of a Marian model."),
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Replace a model that is in DIR.")] = False,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Convert a model to CTranslate2, with its tokenizer, source, revision and license next to the weights."""
    console.set_up(quiet=quiet)
    from mlc_data.translate.convert import convert as work

    described = work(
        model,
        to,
        quantization=quantization,
        family=family,
        revision=revision,
        licence=licence,
        languages=tuple(code.strip() for code in languages.split(",") if code.strip()),
        force=force,
    )
    if as_json:
        print_json({"folder": str(to), **described})
        return
    out.print(
        f"wrote {to}: {described['family']}, {len(described['languages'])} languages, "
        f"licence {described['licence']}",
        highlight=False,
        soft_wrap=True,
    )


@app.command(epilog="Example:  mlc-data models show models/m2m100-418m")
def show(
    folder: Annotated[Path, typer.Argument(help="A converted model.", metavar="DIR")],
    as_json: JsonOption = False,
) -> None:
    """Show the record of a converted model, and the languages that the engine finds in it."""
    from mlc_data.recipe.recipe import Translate
    from mlc_data.translate.engines.loading import load_translator
    from mlc_data.translate.engines.weights import described

    if not folder.is_dir():
        raise ModelError(f"{folder} is not a folder")
    translator = load_translator(Translate(model=str(folder), cache=None))
    record = described(folder)
    size = (folder / "model.bin").stat().st_size
    if as_json:
        own = {"id": translator.id, "revision": translator.revision, "licence": translator.licence}
        print_json({**record, **own, "bytes": size, "languages": sorted(translator.languages)})
        return
    table = Table("what", "", show_header=False)
    table.add_row("id", translator.id)
    table.add_row("revision of the weights", translator.revision)
    table.add_row("licence", translator.licence)
    for key, value in record.items():
        if key not in ("id", "revision", "licence", "languages"):
            table.add_row(key.replace("_", " "), json.dumps(value, ensure_ascii=False).strip('"'))
    table.add_row("size", f"{size / 1e6:,.1f} MB")
    table.add_row("languages", ", ".join(sorted(translator.languages)))
    out.print(table)
