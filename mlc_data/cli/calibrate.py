"""`mlc-data calibrate`: thresholds by language from trusted parallel text or judged variants."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column

from mlc_data.checks import calibration
from mlc_data.cli.options import JsonOption, QuietOption, SetOption, WithOption
from mlc_data.core import console
from mlc_data.errors import UsageError
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe
from mlc_data.review.review import good_variants

EXAMPLES = (
    "Example:  mlc-data calibrate runs/quickstart --reference pairs.parquet  |  "
    "mlc-data check runs/quickstart --with thresholds.yaml"
)


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
    from_review: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="A run's folder whose variants people have judged (mlc-data review): the good ones are the "
            "trusted translations, with the scores that the run has stored.",
        ),
    ] = None,
    false_reject: Annotated[
        float | None,
        typer.Option(
            help="Share of good text that each threshold may reject (0 to 1); default 0.02. With too few judged "
            "variants for that, the least share that they allow, and thresholds are only loosened."
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="The recipe fragment to write.")] = Path(
        "thresholds.yaml"
    ),
    set_: SetOption = [],  # noqa: B006 - Typer copies it
    with_: WithOption = [],  # noqa: B006
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Write a recipe fragment with thresholds by language. Use it with --with."""
    console.set_up(quiet=quiet)
    recipe = load_recipe(run, set_, with_)
    if reference is not None and from_review is not None:
        raise UsageError("--reference and --from-review both name trusted translations: give one")
    if from_review is not None:
        scores = good_variants(Run.open(from_review))
        where = f"variants of {from_review.resolve().name} that people judged to be good"
    elif reference is not None:
        scores = calibration.reference_scores(reference, recipe)
        where = calibration.describe(reference)
    else:
        if not (Path(run) / "recipe.yaml").is_file():
            raise UsageError(f"{run} is not a run's folder: name trusted text with --reference")
        scores = calibration.kept_scores(Run.open(Path(run)))
        where = f"the kept variants of {Path(run).name}"
    target = false_reject
    if target is None:
        target = calibration.usual_target(scores) if from_review is not None else calibration.TARGET
    result = calibration.calibrate(
        scores,
        recipe,
        target,
        loosened=false_reject is None and target > calibration.TARGET,
        reference=where,
        optimistic=reference is None and from_review is None,
    )
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise UsageError(f"--out: cannot write {out}")
    calibration.write_fragment(result, out)
    new = calibration.recipe_with(recipe, result)
    before, after = (calibration.rejected(scores, each) for each in (recipe, new))
    if as_json:
        shares = {"rejected_before": before, "rejected_after": after}
        console.print_json({"file": str(out), **asdict(result), **shares})
        return
    _show(result, before, after)
    console.out.print(f"wrote {out}; use it with --with {out}", highlight=False, soft_wrap=True)


def _show(
    result: calibration.Calibration, before: dict[str, float], after: dict[str, float]
) -> None:
    # A line for each threshold: at 80 columns no name is cut, and keys can be copied.
    shown = console.table(
        Column("language", no_wrap=True),
        console.number("texts"),
        Column("threshold", overflow="fold"),
        console.number("new value"),
    )
    for code, rows in result.rows.items():
        own = [(name, values[code]) for name, values in result.values.items() if code in values]
        for number, (name, value) in enumerate(own or [("all as before", None)]):
            head = ("", "") if number else (code, str(rows))
            shown.add_row(*head, name, "" if value is None else f"{value:g}")
    console.out.print(shown)
    shares = console.table(
        Column("language", no_wrap=True),
        console.number("rejected now"),
        console.number("with these"),
    )
    for code in result.rows:
        shares.add_row(code, *(f"{rejected[code]:.1%}" for rejected in (before, after)))
    console.out.print(shares)
    if result.too_few:
        least = calibration.least_rows(result.target)
        console.out.print(
            f"fewer than {least} texts, thresholds unchanged: {', '.join(result.too_few)}",
            highlight=False,
        )
    if result.loosened:
        console.out.print(
            f"Few texts: the thresholds may reject {result.target:.3g} of good text, so they are only loosened "
            "where good variants need it. Judge more variants, or name a share with --false-reject.",
            highlight=False,
        )
    if result.optimistic:
        console.out.print(
            "These texts had already passed the present thresholds, so the new ones are optimistic: "
            "trusted parallel text (--reference) is better.",
            highlight=False,
        )
