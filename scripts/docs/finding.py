"""Draws the finding of README as SVG, from the table of figures in docs/effect.md.

``python scripts/docs/finding.py`` writes docs/images/finding-light.svg and finding-dark.svg.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import altair as alt

DOCS = Path(__file__).resolve().parents[2] / "docs"
TABLE = "| mean over languages |"
TRAININGS = {
    "base": "before training",
    "alignment alone": "alignment alone",
    "+ MLC": "+ MLC",
    "+ MLC + separation": "+ MLC + separation",
}
"""Rows of the table that are drawn, with their words in the figure."""
HARMFUL, HARMLESS = "harmful prompts refused", "harmless prompts refused"


class Theme(NamedTuple):
    """Colors of text, grid, and of both kinds of prompts."""

    text: str
    grid: str
    harmful: str
    harmless: str


THEMES = {
    "light": Theme("#24292f", "#d0d7de", "#0969da", "#cf5c00"),
    "dark": Theme("#e6edf3", "#3d444d", "#58a6ff", "#ff9e64"),
}
_FIGURE = re.compile(r"(?P<mean>\d\.\d+)(?: \[(?P<low>\d\.\d+), (?P<high>\d\.\d+)\])?$")


def figures(page: str) -> list[dict[str, Any]]:
    """Return a row for each training and kind of prompt, with the mean and its interval.

    Args:
        page: text of docs/effect.md.

    Raises:
        ValueError: the page has no such table, or a row is missing.
    """
    lines = page.splitlines()
    start = next((n for n, line in enumerate(lines) if line.startswith(TABLE)), None)
    if start is None:
        raise ValueError(f"docs/effect.md has no table that begins with {TABLE!r}")
    rows = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        name, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        rows[name] = cells
    drawn = []
    for name, words in TRAININGS.items():
        if name not in rows:
            raise ValueError(f"the table of docs/effect.md has no row {name!r}")
        for kind, cell in zip((HARMFUL, HARMLESS), rows[name], strict=False):
            match = _FIGURE.match(cell)
            if match is None:
                raise ValueError(f"{name}: {cell!r} is not a mean with its interval")
            mean = float(match["mean"])
            drawn.append({
                "training": words,
                "prompts": kind,
                "refused": mean,
                "low": float(match["low"] or mean),
                "high": float(match["high"] or mean),
            })  # fmt: skip
    return drawn


def chart(rows: list[dict[str, Any]], theme: str) -> Any:
    """Return bars of both kinds of prompts for each training, with 95 % intervals."""
    colors = THEMES[theme]
    order = list(TRAININGS.values())
    base = alt.Chart(alt.InlineData(values=rows)).encode(
        y=alt.Y("training:N", sort=order, title=None, axis=alt.Axis(labelLimit=260)),
        yOffset=alt.YOffset("prompts:N", sort=[HARMFUL, HARMLESS]),
    )
    bars = base.mark_bar(height=13, cornerRadiusEnd=2).encode(
        x=alt.X(
            "refused:Q",
            title="share of prompts refused, mean of eight languages and three seeds",
            scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(format="%", tickCount=5),
        ),
        color=alt.Color(
            "prompts:N",
            title=None,
            sort=[HARMFUL, HARMLESS],
            scale=alt.Scale(domain=[HARMFUL, HARMLESS], range=[colors.harmful, colors.harmless]),
            legend=alt.Legend(orient="top", columnPadding=60),
        ),
    )
    intervals = base.mark_rule(strokeWidth=1.5, color=colors.text).encode(
        x=alt.X("low:Q"), x2="high:Q"
    )
    labels = base.mark_text(align="left", dx=6, color=colors.text, fontSize=12).encode(
        x=alt.X("high:Q"), text=alt.Text("refused:Q", format=".0%")
    )
    return (
        alt.layer(bars, intervals, labels)
        .properties(width=420, height=alt.Step(17))
        .configure(
            background="transparent",
            font="Arial, Helvetica, sans-serif",
            padding={"left": 30, "top": 5, "right": 30, "bottom": 5},
        )
        .configure_view(strokeWidth=0)
        .configure_axis(
            labelColor=colors.text,
            titleColor=colors.text,
            gridColor=colors.grid,
            domainColor=colors.grid,
            tickColor=colors.grid,
            labelFontSize=13,
            titleFontSize=12,
            titleFontWeight="normal",
        )
        .configure_legend(labelColor=colors.text, labelFontSize=13)
    )


def main() -> None:
    """Write both pictures."""
    rows = figures((DOCS / "effect.md").read_text(encoding="utf-8"))
    for theme in THEMES:
        chart(rows, theme).save(str(DOCS / "images" / f"finding-{theme}.svg"))


if __name__ == "__main__":
    main()
