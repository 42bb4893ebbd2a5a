"""Candidates of a variant, ranked by the checks' own scores."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from mlc_data.checks.base import at_least, at_most
from mlc_data.rescue.candidates import best_of

LIKE = SimpleNamespace(enabled=True, limits=(at_least("like", "min_like"),))
LONG = SimpleNamespace(enabled=True, limits=(at_most("long", "max_long"),))
CHECKS: Any = (LIKE, LONG)


def candidate(text: str, like: float | None, long: float | None, *reasons: str) -> pl.DataFrame:
    """One variant as `judge` returns it."""
    row = {
        "prompt_id": "p",
        "language": "spa_Latn",
        "text": text,
        "like": like,
        "long": long,
        "status": "rejected" if reasons else "kept",
        "reasons": list(reasons),
    }
    floats = {"like": pl.Float64(), "long": pl.Float64(), "reasons": pl.List(pl.String())}
    return pl.DataFrame([row], schema_overrides=floats)


@pytest.mark.parametrize(
    ("candidates", "best"),
    [
        ([candidate("a", 0.9, 1.0, "toxicity"), candidate("b", 0.5, 2.0)], "b"),
        ([candidate("a", 0.9, 1.0, "x", "y"), candidate("b", 0.1, 9.0, "x")], "b"),
        ([candidate("a", 0.5, 1.0), candidate("b", 0.6, 1.0)], "b"),
        ([candidate("a", 0.5, 2.0), candidate("b", 0.5, 1.0)], "b"),
        ([candidate("a", 0.5, 1.0), candidate("b", 0.5, 1.0)], "a"),
        ([candidate("a", None, None, "declined"), candidate("b", 0.1, 9.0)], "b"),
    ],
    ids=["passes", "fewer reasons", "higher", "lower", "first of equals", "one failed"],
)
def test_the_best_candidate(candidates: list[pl.DataFrame], best: str) -> None:
    assert best_of(candidates, CHECKS)["text"].to_list() == [best]


def test_variants_keep_their_order_and_columns() -> None:
    both = pl.concat([candidate("a", 0.5, 1.0).with_columns(prompt_id=pl.lit(i)) for i in "zy"])
    best = best_of([both, both], CHECKS)
    assert best.columns == both.columns
    assert best["prompt_id"].to_list() == ["z", "y"]
