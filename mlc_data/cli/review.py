"""`mlc-data review`: a sample for people to judge, and what their judgements say about the checks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from mlc_data.cli.options import QuietOption
from mlc_data.core import console
from mlc_data.errors import UsageError
from mlc_data.pipeline.layout import REVIEW, REVIEW_FOLDER
from mlc_data.pipeline.run import Run
from mlc_data.review.record import Agreement, Estimate, Judged, Measures, Review
from mlc_data.review.review import import_judgements, read_review
from mlc_data.review.sample import draw, keep_sample, sample_id
from mlc_data.review.sheet import write_sheet

EXAMPLES = (
    "Example:  mlc-data review runs/quickstart --sample 50 --out judge.csv  |  "
    "mlc-data review runs/quickstart --import judge.csv"
)


def review(
    run: Annotated[Path, typer.Argument(help="A run's folder.", metavar="RUN")],
    *,
    sample: Annotated[
        int | None,
        typer.Option(min=4, help="Write a file with so many variants of each language to judge."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The file to write (.csv or .parquet); default in the run's folder."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed gives another sample.")] = 0,
    import_: Annotated[
        list[Path],
        typer.Option(
            "--import",
            metavar="FILE",
            help="Read judgements (good or bad) and measure the checks. Repeatable, for several reviewers.",
        ),
    ] = [],  # noqa: B006 - Typer copies it
    as_json: Annotated[
        bool, typer.Option("--json", help="The review as JSON on standard output.")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Let people judge a sample of a run's variants, and show precision and recall of the checks.

    Without --sample and --import, the review that is kept with the run is shown.
    """
    console.set_up(quiet=quiet)
    opened = Run.open(run)
    if sample is not None and import_:
        raise UsageError("--sample writes a file and --import reads one: give one of them")
    if sample is not None:
        _write_sample(opened, sample, seed, out)
        return
    if out is not None:
        raise UsageError("--out names the file that --sample writes")
    found = import_judgements(opened, import_) if import_ else read_review(opened)
    if as_json:
        console.print_json(found.model_dump(mode="json"))
    else:
        _show(found, opened)


def _write_sample(run: Run, size: int, seed: int, out: Path | None) -> None:
    drawn = draw(run, size, seed)
    folder = run.path(REVIEW_FOLDER)
    if out is None:
        folder.mkdir(exist_ok=True)
    path = out or folder / f"sample-{sample_id(drawn)}.csv"
    write_sheet(drawn, path)
    keep_sample(run, drawn)
    console.out.print(
        f"wrote {drawn.height} variants in {drawn['language'].n_unique()} languages to {path}\n"
        "Write good or bad into the column judgement and a name into reviewer, then: "
        f"mlc-data review {run.folder} --import {path}",
        highlight=False,
        soft_wrap=True,
        markup=False,
    )


def _show(review: Review, run: Run) -> None:
    checks = Table("", "rejected (judged)", "precision", "recall", "good rejected")
    checks.add_row("all checks", *_cells(review.whole.all))
    silent = [name for name, each in review.whole.checks.items() if not each.rejected]
    for name, measures in review.whole.checks.items():
        if measures.rejected:
            checks.add_row(name, *_cells(measures))
    languages = Table(
        "language", "judged", "bad", "bad of the kept", "precision", "recall", "good rejected"
    )
    for code, judged in (*review.languages.items(), ("all", review.whole)):
        languages.add_row(code, *_row(judged))
    console.out.print(checks)
    console.out.print(languages)
    _say("Shares are those of all of the run's variants, with 95 % intervals.")
    if silent:
        _say(f"No judged variant is rejected by: {', '.join(silent)}")
    if review.variants_not_represented:
        _say(
            f"{review.variants_not_represented} variants are not represented: no row of their kind was judged"
        )
    if review.changed:
        _say(f"{review.changed} judged variants have another text now and are left out")
    for agreement in review.agreement:
        _say(_agreement(agreement))
    _say(f"Kept in {run.path(REVIEW)}; mlc-data calibrate {run.folder} --from-review {run.folder}")


def _row(judged: Judged) -> tuple[str, ...]:
    _, *shares = _cells(judged.all)
    return str(judged.rows), _share(judged.bad), _share(judged.bad_kept), *shares


def _cells(measures: Measures) -> tuple[str, ...]:
    shares = (measures.precision, measures.recall, measures.false_rejections)
    return f"{measures.variants} ({measures.rejected})", *map(_share, shares)


def _share(share: Estimate) -> str:
    if share.value is None:
        return "-"
    low, high = (100 * (bound or 0.0) for bound in (share.low, share.high))
    return f"{100 * share.value:.0f} % ({low:.0f}-{high:.0f})"


def _agreement(each: Agreement) -> str:
    kappa = "undefined" if each.kappa is None else f"{each.kappa:.2f}"
    return (
        f"{each.first} and {each.second} agree on {_share(each.share)} of {each.rows} variants, Cohen's kappa "
        f"{kappa}"
    )


def _say(text: str) -> None:
    console.out.print(text, highlight=False, markup=False, soft_wrap=True)
