"""`mlc-data calibrate`: thresholds by language from trusted parallel text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from mlc_data.checks import calibration
from mlc_data.cli.options import QuietOption, SetOption, WithOption
from mlc_data.core import console
from mlc_data.errors import UsageError
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example:  mlc-data calibrate runs/quickstart --reference pairs.parquet  |  "
        "mlc-data check runs/quickstart --with thresholds.yaml"
    )(calibrate)


def calibrate(
    run: Annotated[
        str,
        typer.Argument(help="A run's folder; with --reference a recipe will do.", metavar="RUN"),
    ],
    *,
    reference: Annotated[
        Path | None,
        typer.Option(
            help="Trusted translations (.parquet, .csv, .jsonl) with the columns source, language "
            "(FLORES-200 code), text and, for the round trip, back_translation. Without it, the "
            "run's own kept variants, which is optimistic."
        ),
    ] = None,
    false_reject: Annotated[
        float, typer.Option(help="Share of good text that each threshold may reject (0 to 1).")
    ] = 0.02,
    out: Annotated[Path, typer.Option(help="The recipe fragment to write.")] = Path(
        "thresholds.yaml"
    ),
    set_: SetOption = [],  # noqa: B006 - Typer copies it
    with_: WithOption = [],  # noqa: B006
    quiet: QuietOption = False,
) -> None:
    """Write a recipe fragment with thresholds by language. Use it with --with."""
    console.set_up(quiet=quiet)
    recipe = load_recipe(run, set_, with_)
    if reference is not None:
        scores = calibration.reference_scores(reference, recipe)
        where = calibration.describe(reference)
    else:
        if not (Path(run) / "recipe.yaml").is_file():
            raise UsageError(f"{run} is not a run's folder: name trusted text with --reference")
        scores = calibration.kept_scores(Run.open(Path(run)))
        where = f"the kept variants of {Path(run).name}"
    result = calibration.calibrate(
        scores, recipe, false_reject, reference=where, optimistic=reference is None
    )
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise UsageError(f"--out: cannot write {out}")
    calibration.write_fragment(result, out)
    new = calibration.recipe_with(recipe, result)
    _show(result, calibration.rejected(scores, recipe), calibration.rejected(scores, new))
    console.out.print(f"wrote {out}; use it with --with {out}", highlight=False, soft_wrap=True)


def _show(
    result: calibration.Calibration, before: dict[str, float], after: dict[str, float]
) -> None:
    names = list(result.values)
    short = (name.removeprefix("checks.") for name in names)
    table = Table("language", "texts", *short, "all reject now", "and with these")
    for code, rows in result.rows.items():
        cells = (result.values[name].get(code) for name in names)
        formatted = ("as before" if value is None else f"{value:g}" for value in cells)
        shares = (f"{rejected[code]:.1%}" for rejected in (before, after))
        table.add_row(code, str(rows), *formatted, *shares)
    console.out.print(table)
    if result.too_few:
        least = calibration.least_rows(result.target)
        console.out.print(
            f"fewer than {least} texts, thresholds unchanged: {', '.join(result.too_few)}",
            highlight=False,
        )
    if result.optimistic:
        console.out.print(
            "These texts had already passed the present thresholds, so the new ones are optimistic: "
            "trusted parallel text (--reference) is better.",
            highlight=False,
        )
