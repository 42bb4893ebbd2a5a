"""The report's charts as SVG, each described in words for those who do not see it."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from mlc_data.core import charts
from mlc_data.report.figures import LAYER_CURVES
from mlc_data.report.page.safety import OVER_ALL, Safety
from mlc_data.report.page.states import States
from mlc_data.report.page.training import CURVES, Training

SHAPES = {
    key: CURVES[key] for key in ("mlc/first_share", "mlc/between_cosine", "mlc/within_cosine")
}


def draw(safety: Safety, training: Training, states: States) -> dict[str, Markup]:
    """Return the charts that there are data for, by name; none where the extra ``plots`` is not installed."""
    if not charts.can_draw():
        return {}
    return {name: Markup(charts.svg(spec, name)) for name, spec in specs(safety, training, states)}


def specs(safety: Safety, training: Training, states: States) -> Iterator[tuple[str, charts.Spec]]:
    """Yield the charts' names and specifications."""
    if safety.known:
        yield "refusals", refusals(safety)
    for name, key in (
        ("loss", "loss"),
        ("consistency", "mlc/loss"),
        ("separation", "mlc/separation"),
    ):
        if any(key in row for row in training.steps):
            floor = training.floor if name == "consistency" else None
            rule = None if floor is None else ("floor", floor)
            title = CURVES[key] if rule is None else f"{CURVES[key]} (dashed: its floor)"
            yield (
                name,
                charts.lines(
                    training.steps,
                    "step",
                    {key: CURVES[key]},
                    title=title,
                    palette=charts.PAGE,
                    rule=rule,
                ),
            )
    if any("mlc/loss" in row for row in training.steps):
        yield (
            "shapes",
            charts.lines(
                training.steps,
                "step",
                SHAPES,
                title="representations",
                palette=charts.PAGE,
                domain=(0, 1),
            ),
        )
    if training.layers:
        yield (
            "layers",
            charts.lines(
                training.layers, "layer", LAYER_CURVES, title="layers before training",
                palette=charts.PAGE, domain=(0, 1),
            ),
        )  # fmt: skip
    if states.points:
        yield (
            "states",
            charts.points(states.points, title="", palette=charts.PAGE, names=states.names),
        )


def refusals(safety: Safety, palette: charts.Palette = charts.PAGE) -> charts.Spec:
    """Return the chart of refusals by language, before and after."""
    titles = {name.removeprefix("mean_"): title for name, title, _ in OVER_ALL}
    rows = [
        {
            "language": tongue.name,
            "figure": titles[name],
            "when": when,
            "value": figure.value,
            "low": figure.low,
            "high": figure.high,
        }
        for tongue, figures in safety.languages.items()
        for name, compared in figures.items()
        for when, figure in (("before", compared.before), ("after", compared.after))
        if figure.value is not None
    ]
    return charts.intervals(rows, list(titles.values()), title="", palette=palette)
