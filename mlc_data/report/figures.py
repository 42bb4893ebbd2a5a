"""Figures in files: curves over a model's layers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlc_data.core import charts
from mlc_data.core.extras import install_extra
from mlc_data.errors import UsageError

if TYPE_CHECKING:
    from mlc_data.consistency.probe import Layer

LAYER_CURVES = {
    "retrieval": "nearest to own prompt",
    "first_share": "first singular value, s_1^2/m",
    "between_cosine": "cosine of different prompts",
}
"""Measures of a layer that are drawn, and their titles."""


def draw_layers(layers: Sequence[Layer], chosen: Layer, path: Path) -> None:
    """Write the figure as SVG, PNG or PDF, by the suffix of ``path``.

    Raises:
        UsageError: the extra ``plots`` is not installed, or such a file cannot be written.
    """
    if not charts.can_draw():
        raise UsageError(f"--plot needs the extra: {install_extra('plots')}")
    import altair as alt

    spec = charts.lines(
        [
            {"decoder layer": each.layer, **{name: getattr(each, name) for name in LAYER_CURVES}}
            for each in layers
        ],
        "decoder layer",
        LAYER_CURVES,
        title=f"align.loss.layer=auto: {chosen.layer}",
        palette=charts.PRINT,
        domain=(0, 1.05),
        size=(480, 260),
    )
    try:
        alt.Chart.from_dict(spec).save(str(path))
    except (OSError, ValueError) as error:
        raise UsageError(f"--plot: cannot write {path}: {error}") from error
