"""`mlc-data align probe`: every layer of a model on held-out variant sets."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import ValidationError
from rich.table import Table

from mlc_data.cli.options import QuietOption
from mlc_data.core import console
from mlc_data.errors import UsageError
from mlc_data.pipeline.run import Run

if TYPE_CHECKING:
    from mlc_data.consistency.probe import Layer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "align probe",
        epilog="Example:  mlc-data sets mine.yaml  |  mlc-data align probe runs/mine --plot layers.svg  |  "
        "mlc-data align mine.yaml --set align.loss.layer=18  |  mlc-data align probe --model MODEL --dataset org/name",
    )(probe)


def probe(
    run: Annotated[
        Path | None,
        typer.Argument(
            help="A run's folder with variant sets; or --model and --dataset.", metavar="RUN"
        ),
    ] = None,
    *,
    model: Annotated[
        str | None, typer.Option(help="A folder, or organisation/name on the Hub, instead of RUN.")
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Variant sets for --model: organisation/name on the Hub, a published folder, or a file of sets."
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="Split of --dataset.")] = "test",
    limit: Annotated[int, typer.Option(min=2, help="Largest number of sets of --dataset.")] = 64,
    center: Annotated[
        str, typer.Option(help="none, final_norm or running_mean, as align.loss.center.")
    ] = "none",
    plot: Annotated[
        Path | None, typer.Option(help="Draw the curves too: .svg, .png or .pdf (extra: plots).")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="The figures for scripts.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Measure every layer of the model before training, to choose `align.loss.layer`."""
    console.set_up(quiet=quiet)
    if run is not None and (model or dataset):
        raise UsageError("name a run's folder, or --model and --dataset, not both")
    if run is None and not (model and dataset):
        raise UsageError("Missing argument 'RUN': name a run's folder, or --model and --dataset")
    from mlc_data.consistency.probe import best, probe_base

    if run is not None:
        layers = probe_base(Run.open(run))
    else:
        layers = _without_run(str(model), str(dataset), split, limit, center)
    chosen = best(layers)
    if plot is not None:
        from mlc_data.report.figures import draw_layers

        draw_layers(layers, chosen, plot)
    if json_:
        choice = {"auto": chosen.layer, "layers": [asdict(each) for each in layers]}
        console.out.print_json(json.dumps(choice))
        return
    console.out.print(_table(layers, chosen))
    console.out.print(
        f"align.loss.layer=auto reads layer {chosen.layer}: there {chosen.retrieval:.1%} of the variants "
        "are nearest to their own prompt",
        highlight=False,
    )


def _without_run(model: str, dataset: str, split: str, limit: int, center: str) -> list[Layer]:
    from mlc_data.consistency.probe import probe_sets
    from mlc_data.recipe.align import Align
    from mlc_data.sources.variant_sets import read_published

    try:
        settings = Align.model_validate({"model": model, "loss": {"center": center}})
    except ValidationError as error:
        raise UsageError(f"--center: {error.errors()[0]['msg']}") from error
    return probe_sets(read_published(dataset, split, limit), settings)


def _table(layers: list[Layer], chosen: Layer) -> Table:
    table = Table(
        "layer", "nearest to own prompt", "language mean taken away", "loss", "first value, s_1^2/m",
        "cosine within", "between prompts", "",
        title=f"{len(layers)} layers before training; the loss has its floor at {chosen.floor:.4f}",
    )  # fmt: skip
    for each in layers:
        figures = (each.retrieval, each.retrieval_centred, each.loss, each.first_share,
                   each.within_cosine, each.between_cosine)  # fmt: skip
        note = "auto" if each == chosen else "at the floor" if each.at_floor else ""
        table.add_row(str(each.layer), *(f"{value:.4f}" for value in figures), note)
    return table
