"""Charts as Vega-Lite specifications, and as SVG without a browser."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mlc_data.core.extras import is_installed

if TYPE_CHECKING:
    import altair as alt

Spec = dict[str, Any]
"""A Vega-Lite specification, as JSON has it."""

MODULES = ("altair", "vl_convert")
"""Modules of the extra ``plots``, which draw."""


@dataclass(frozen=True)
class Palette:
    """Colours of a chart: a CSS colour each, in the order of the series."""

    series: tuple[str, ...]
    ink: str
    grid: str


PRINT = Palette(("#0f766e", "#b45309", "#4f46e5", "#64748b"), "#1f2933", "#e3e1da")
"""Colours on white, for files."""

REASONS = ("#c2570c", "#7c3aed", "#be185d", "#2563eb", "#a16207", "#e38b57", "#a78bda", "#8a949e")
"""Colours of reasons on white, the last for all others together."""

PAGE = Palette(tuple(f"var(--c{number})" for number in range(1, 5)), "var(--ink-2)", "var(--line)")
"""Colours of the report, which follow its theme."""

_FONT = "ui-sans-serif, system-ui, sans-serif"


def can_draw() -> bool:
    """Return whether the extra ``plots`` is installed."""
    return all(map(is_installed, MODULES))


def lines(
    rows: Sequence[Mapping[str, Any]],
    x: str,
    curves: Mapping[str, str],
    *,
    title: str,
    palette: Palette,
    rule: tuple[str, float] | None = None,
    domain: tuple[float, float] | None = None,
    size: tuple[int, int] = (420, 200),
) -> Spec:
    """Return curves over a number, such as a step or a layer.

    Args:
        rows: mappings with ``x`` and some of the curves' keys.
        x: key and title of the horizontal axis.
        curves: titles by key, in order of colours.
        title: title of the chart.
        palette: colours.
        rule: a dashed line across: its title and value.
        domain: range of the vertical axis; by default that of the values.
        size: width and height in pixels.
    """
    import altair as alt

    long = [
        {x: row[x], "value": row[key], "curve": label}
        for key, label in curves.items()
        for row in rows
        if row.get(key) is not None
    ]
    scale = alt.Scale(domain=list(domain), clamp=True) if domain else alt.Scale(zero=False)
    used = [label for label in curves.values() if any(row["curve"] == label for row in long)]
    across = alt.Axis(format="~d", tickMinStep=1, grid=False)
    chart = (
        alt.Chart(alt.InlineData(values=long))
        .mark_line(point=alt.OverlayMarkDef(size=24), strokeWidth=2)
        .encode(
            x=alt.X(f"{x}:Q", title=x, axis=across, scale=alt.Scale(zero=False, nice=False)),
            y=alt.Y("value:Q", title=None, scale=scale),
            color=_color("curve", used, palette, legend=len(used) > 1),
        )
    )
    layers: list[Any] = [chart]
    if rule is not None:
        name, value = rule
        layers.append(
            alt.Chart(alt.InlineData(values=[{"value": value, "name": name}]))
            .mark_rule(strokeDash=[4, 3], color=palette.ink)
            .encode(y="value:Q")
        )
    return _spec(alt.layer(*layers), title, palette, size)


def intervals(
    rows: Sequence[Mapping[str, Any]],
    figures: Sequence[str],
    *,
    title: str,
    palette: Palette,
) -> Spec:
    """Return points with intervals, before and after, by language, in a panel for each figure.

    Args:
        rows: ``language``, ``figure``, ``when``, ``value``, ``low``, ``high`` (shares, -1 to 1).
        figures: panels in order.
        title: title of the chart.
        palette: colours.
    """
    import altair as alt

    whens = list(dict.fromkeys(row["when"] for row in rows))
    languages = list(dict.fromkeys(row["language"] for row in rows))
    panels = []
    for place, figure in enumerate(figures):
        own = [dict(row) for row in rows if row["figure"] == figure]
        lows = [row["low"] for row in own if row["low"] is not None]
        ticks = [-1, 0, 1] if min(lows, default=0) < 0 else [0, 0.5, 1]
        scale = alt.Scale(domain=[ticks[0], 1])
        y = alt.Y("language:N", title=None, sort=languages, axis=alt.Axis(labelLimit=240))
        base = alt.Chart(alt.InlineData(values=own)).encode(
            y=y if place == 0 else y.axis(None),
            yOffset=alt.YOffset("when:N", sort=whens),
            color=_color("when", whens, palette),
        )
        axis = alt.Axis(format="%", values=ticks)
        bars = base.mark_rule(strokeWidth=2).encode(
            x=alt.X("low:Q", title=None, scale=scale, axis=axis), x2="high:Q"
        )
        dots = base.mark_point(filled=True, size=50, opacity=1).encode(
            x=alt.X("value:Q", scale=scale)
        )
        height = 28 * max(1, len(languages))
        label = alt.Title(figure, fontSize=12, anchor="start", color=palette.ink)
        panels.append(alt.layer(bars, dots).properties(width=210, height=height, title=label))
    return _spec(alt.hconcat(*panels, spacing=24), title, palette, None)


def stacked(rows: Sequence[Mapping[str, Any]], first: str, *, title: str, palette: Palette) -> Spec:
    """Return one bar for each language, in parts.

    Args:
        rows: ``language``, ``part`` and ``number``; languages in order. The bar's length is the share of each part.
        first: the part that every bar begins with; the others follow by their total. Of more than `REASONS` has
            colours for, the rarest are one part.
        title: title of the chart.
        palette: colours; the first one is that of ``first``.
    """
    import altair as alt

    totals: Counter[str] = Counter()
    for row in rows:
        totals[row["part"]] += row["number"]
    others = [name for name, _ in totals.most_common() if name != first]
    rare = set(others[len(REASONS) - 1 :]) if len(others) > len(REASONS) else set()
    parts = [first, *(name for name in others if name not in rare), *(["others"] if rare else [])]
    order = {name: place for place, name in enumerate(parts)}
    named = [{**row, "part": "others" if row["part"] in rare else row["part"]} for row in rows]
    drawn = [{**row, "place": order[row["part"]]} for row in named]
    languages = list(dict.fromkeys(row["language"] for row in rows))
    chart = (
        alt.Chart(alt.InlineData(values=drawn))
        .mark_bar()
        .encode(
            x=alt.X(
                "sum(number):Q", stack="normalize", title=None, axis=alt.Axis(format="%", tickCount=5)
            ),
            y=alt.Y("language:N", title=None, sort=languages, axis=alt.Axis(labelLimit=240)),
            color=alt.Color(
                "part:N",
                title=None,
                scale=alt.Scale(domain=parts, range=[palette.series[0], *REASONS][: len(parts)]),
                legend=alt.Legend(orient="right"),
            ),
            order=alt.Order("place:Q"),
        )
    )  # fmt: skip
    return _spec(chart, title, palette, (420, 26 * max(1, len(languages))))


def points(
    rows: Sequence[Mapping[str, Any]], *, title: str, palette: Palette, names: Sequence[str]
) -> Spec:
    """Return two scatter plots, before and after, with a colour for each language.

    Args:
        rows: ``x``, ``y``, ``language`` (name) and ``when``.
        title: title of the chart.
        palette: colours; languages beyond its series share colours and differ in shape.
        names: languages in order.
    """
    import altair as alt

    whens = list(dict.fromkeys(row["when"] for row in rows))
    shapes = ["circle", "triangle-up", "square", "diamond", "cross"]
    number = len(palette.series)
    by_place = [shapes[place // number % len(shapes)] for place in range(len(names))]
    axis = alt.Axis(labels=False, ticks=False, grid=False, domain=False)
    chart = (
        alt.Chart(alt.InlineData(values=[dict(row) for row in rows]))
        .mark_point(filled=True, size=38, opacity=0.75)
        .encode(
            x=alt.X("x:Q", title=None, axis=axis),
            y=alt.Y("y:Q", title=None, axis=axis),
            color=_color("language", names, palette, at="right"),
            shape=alt.Shape(
                "language:N", title=None, scale=alt.Scale(domain=list(names), range=by_place)
            ),
        )
        .properties(width=300, height=260)
        .facet(column=alt.Column("when:N", title=None, sort=whens, header=_header(palette)))
        .resolve_scale(x="independent", y="independent")
    )
    return _spec(chart, title, palette, None)


def picture(spec: Spec) -> str:
    """Return the SVG of a specification as a file that stands alone, on white: a page may be dark around it."""
    room = dict.fromkeys(("left", "top", "right", "bottom"), 12) | {"left": 36, "right": 36}
    config = {**spec.get("config", {}), "background": "white", "padding": room}
    return svg({**spec, "config": config}, "chart")


def svg(spec: Spec, name: str) -> str:
    """Return the SVG of a specification, without roles and names of its own: the page describes its charts.

    Args:
        spec: see `Spec`.
        name: letters that make the ids within the SVG differ from those of other charts.
    """
    import vl_convert

    drawn: str = vl_convert.vegalite_to_svg(spec)
    plain = re.sub(r'\s(?:role|aria-[a-z]+)="[^"]*"', "", drawn)
    # The renderer counts its ids on from chart to chart, and each has to be the same in every report.
    ids = {
        old: f"{name}-{place}"
        for place, old in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', plain)))
    }
    plain = re.sub(r'\bid="([^"]+)"', lambda found: f'id="{ids[found[1]]}"', plain)
    plain = re.sub(r"url\(#([^)]+)\)", lambda found: f"url(#{ids[found[1]]})", plain)
    return plain.replace("<svg ", '<svg aria-hidden="true" focusable="false" ', 1)


def _color(
    field: str,
    domain: Iterable[str],
    palette: Palette,
    *,
    legend: bool = True,
    at: Literal["top", "right"] = "top",
) -> alt.Color:
    import altair as alt

    names = list(domain)
    colors = [palette.series[place % len(palette.series)] for place in range(len(names))]
    return alt.Color(
        f"{field}:N",
        title=None,
        scale=alt.Scale(domain=names, range=colors),
        # One below the other: the reader's font may be wider than the one that is measured here.
        legend=alt.Legend(orient=at, symbolStrokeWidth=2, columns=1) if legend else None,
    )


def _header(palette: Palette) -> alt.Header:
    import altair as alt

    return alt.Header(labelFontWeight="bold", labelColor=palette.ink, labelFontSize=12)


def _spec(chart: Any, title: str, palette: Palette, size: tuple[int, int] | None) -> Spec:
    import altair as alt

    if size is not None:
        chart = chart.properties(width=size[0], height=size[1])
    configured = (
        chart.properties(title=alt.Title(title, anchor="start", fontSize=13, color=palette.ink))
        if title
        else chart
    )
    styled = (
        configured.configure(
            font=_FONT, background="transparent", padding={"left": 14, "top": 4, "right": 14, "bottom": 4}
        )
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=palette.ink, titleColor=palette.ink, gridColor=palette.grid,
            domainColor=palette.grid, tickColor=palette.grid, labelFontSize=11, titleFontWeight="normal",
        )
        .configure_legend(labelColor=palette.ink, labelFontSize=12, labelLimit=260)
    )  # fmt: skip
    spec: Spec = styled.to_dict()
    return spec
