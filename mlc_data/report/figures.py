"""Curves over a model's layers: retrieval of the own prompt, and measures of consistency."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from mlc_data.errors import UsageError

if TYPE_CHECKING:
    from mlc_data.consistency.probe import Layer

_CURVES = {
    "retrieval": "nearest to own prompt",
    "first_share": "first singular value, s_1^2/m",
    "between_cosine": "cosine of different prompts",
}


def draw_layers(layers: Sequence[Layer], chosen: Layer, path: Path) -> None:
    """Write the figure as SVG, PNG or PDF, by the suffix of ``path``.

    Raises:
        UsageError: the extra ``plots`` is not installed, or such a file cannot be written.
    """
    try:
        import altair as alt
        import vl_convert  # noqa: F401 - altair renders with it
    except ImportError as error:
        raise UsageError("--plot needs the extra: pip install 'mlc-data[plots]'") from error
    rows = [
        {"layer": layer.layer, "value": getattr(layer, name), "curve": label}
        for name, label in _CURVES.items()
        for layer in layers
    ]
    x = alt.X("layer:Q", title="decoder layer", axis=alt.Axis(format="d", tickMinStep=1))
    y = alt.Y("value:Q", title=None, scale=alt.Scale(domain=[0, 1.05], clamp=True))
    color = alt.Color("curve:N", title=None, sort=list(_CURVES.values()))
    curves = alt.Chart(pl.DataFrame(rows)).mark_line(point=True).encode(x=x, y=y, color=color)
    rule = alt.Chart(pl.DataFrame({"layer": [chosen.layer]})).mark_rule(strokeDash=[2, 2])
    auto = alt.Title(f"align.loss.layer=auto: {chosen.layer}", anchor="start", fontSize=11)
    figure = (curves + rule.encode(x="layer:Q")).properties(width=480, height=260, title=auto)
    try:
        figure.save(str(path))
    except (OSError, ValueError) as error:
        raise UsageError(f"--plot: cannot write {path}: {error}") from error
