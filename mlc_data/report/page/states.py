"""Held-out variants in two dimensions, before and after alignment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from mlc_data.core.parquet import read_parquet
from mlc_data.report.page.context import Facts, Tongue

FILE = "evaluation/states.parquet"


@dataclass(frozen=True)
class States:
    """The section.

    Attributes:
        points: ``when``, ``language`` (name), ``x``, ``y`` of each text.
        names: languages in order.
        sets: variant sets that are shown.
        missing: why there is nothing, in one line.
    """

    points: Sequence[dict[str, Any]] = field(default_factory=tuple)
    names: Sequence[str] = ()
    sets: int = 0
    missing: str = ""


def states(facts: Facts) -> States:
    """Return the plane that the stage `evaluate` keeps; see `mlc_data.evaluate.plane.STATES`."""
    path = facts.run.path(FILE)
    if "align" not in facts.manifest.stages:
        return States(missing=f"Nothing has been trained yet: mlc-data align {facts.folder}")
    if "evaluate" not in facts.manifest.stages or not path.is_file():
        return States(missing=f"Not measured yet: mlc-data evaluate {facts.folder}")
    table = read_parquet(path)
    if table.is_empty():
        return States(missing="There are too few held-out variant sets: raise sets.test_share.")
    codes = table["language"].unique(maintain_order=True).to_list()
    names = {code: Tongue.of(code).name for code in codes}
    named = table.select("when", "x", "y", language=pl.col("language").replace_strict(names))
    return States(named.to_dicts(), tuple(names.values()), table["prompt_id"].n_unique())
