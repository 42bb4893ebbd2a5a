"""The curves of a model's layers: where variants find their own prompt, and what the loss sees there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mlc_data.errors import UsageError

if TYPE_CHECKING:
    from mlc_data.consistency.probe import Layer

_CURVES = {
    "retrieval": "nearest to own prompt",
    "first_share": "first singular value, s_1^2/m",
    "between_cosine": "cosine of different prompts",
}


def draw(layers: Sequence[Layer], chosen: Layer, path: Path) -> None:
    """Write the figure as SVG, PNG or PDF, by the name of ``path``.

    Raises:
        UsageError: matplotlib is not installed, or cannot write such a file.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError(
            "--plot needs matplotlib; install it with: pip install 'mlc-data[plots]'"
        ) from error
    mpl.rcParams["svg.hashsalt"] = "mlc-data"
    figure = Figure(figsize=(7, 3.6), layout="constrained")
    axes = figure.subplots()
    numbers = [each.layer for each in layers]
    for name, label in _CURVES.items():
        axes.plot(numbers, [getattr(each, name) for each in layers], marker=".", label=label)
    axes.axvline(chosen.layer, color="black", linewidth=0.8, linestyle=":", label="auto")
    axes.set_xlabel("decoder layer")
    axes.set_ylim(0, 1.05)
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    try:
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    except (OSError, ValueError) as error:
        raise UsageError(f"--plot: cannot write {path}: {error}") from error
