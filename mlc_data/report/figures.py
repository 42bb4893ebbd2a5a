"""The figure of a run: what became of the variants, and the held-out measures by language.

``python -m mlc_data.report.figures runs/quickstart docs/quickstart.svg`` (extra: ``plots``).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import polars as pl

from mlc_data.errors import UsageError
from mlc_data.pipeline.run import Run

_COLOURS = {"kept": "#2a7f62", "rejected": "#d1495b", "failed": "#8d8d8d"}
_WHEN = {"before": "#b9c4d0", "after": "#2a5f9e"}


def draw(run: Run, path: Path) -> None:
    """Write the figure as SVG, PNG or PDF, by the name of ``path``.

    Raises:
        UsageError: the run has not been evaluated.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    counts = run.manifest.counts.by_language
    if not counts or not run.manifest.results.get("after"):
        raise UsageError(f"{run.folder} has not been evaluated yet")
    # Otherwise every drawing of the same figure has other ids in it.
    mpl.rcParams["svg.hashsalt"] = "mlc-data"
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    languages = list(counts)
    below = [0] * len(languages)
    for status, colour in _COLOURS.items():
        heights = [_number(getattr(counts[code], status)) for code in languages]
        if any(heights):
            left.bar(languages, heights, bottom=below, color=colour, label=status)
        below = [low + height for low, height in zip(below, heights, strict=True)]
    left.set_title("variants")
    left.set_ylim(0, 1.2 * max(below))
    left.legend(frameon=False, ncols=len(_COLOURS), loc="upper left")
    table = pl.read_parquet(run.path("evaluation", "consistency.parquet"))
    for offset, (when, colour) in zip((-0.2, 0.2), _WHEN.items(), strict=True):
        rows = table.filter(pl.col("when") == when)
        places = [languages.index(code) + offset for code in rows["language"]]
        right.bar(places, rows["retrieval"].to_list(), 0.4, color=colour, label=when)
    chance = run.manifest.results["after"]["chance"]
    right.axhline(chance, color="black", linewidth=0.8, linestyle=":", label="chance")
    right.set_xticks(range(len(languages)), languages)
    right.set_ylim(0, min(1.0, 1.4 * max(table["retrieval"].max(), chance)))
    right.set_title("share of held-out variants nearest to their own prompt")
    right.legend(frameon=False, ncols=3, loc="upper left")
    for axes in (left, right):
        axes.tick_params(axis="x", rotation=30)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def _number(value: Any) -> int:
    return sum(value.values()) if isinstance(value, dict) else int(value)


def main() -> None:
    """Draw the figure of a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("figure", type=Path, help="the file to write: .svg, .png or .pdf")
    chosen = parser.parse_args()
    draw(Run.open(chosen.run), chosen.figure)


if __name__ == "__main__":
    main()
