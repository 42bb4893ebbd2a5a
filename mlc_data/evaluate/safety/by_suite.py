"""Figures of each prompt set of `evaluate.safety.prompts` by itself, where a recipe names several."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import polars as pl

from mlc_data.core.parquet import read_parquet
from mlc_data.evaluate.safety.tables import REPLIES, safety_rows
from mlc_data.pipeline.run import Run
from mlc_data.recipe.evaluate import PromptSet

OWN = "held-out sets"
"""Name of the run's own prompts."""

NUMBER = pl.col("prompt_id").str.extract(r"^(\d+):", 1).cast(pl.Int64)
"""Position of a prompt's set in the recipe; null for the run's own prompts, whose ids are hashes."""


@dataclass(frozen=True)
class Suite:
    """One prompt set.

    Attributes:
        name: name of the suite, file or dataset, or `OWN`.
        figures: table `SAFETY` of the first judge.
        replies: table `REPLIES` of its prompts, of both models.
    """

    name: str
    figures: pl.DataFrame
    replies: pl.DataFrame


def by_suite(run: Run) -> Iterator[Suite]:
    """Yield each prompt set with its figures, in the recipe's order; none where there is only one.

    Intervals are drawn from the prompts of that set alone.
    """
    settings = run.recipe.evaluate.safety
    paths = [run.path("evaluation", f"{name}.parquet") for name in ("replies", "judgments")]
    if settings is None or len(settings.prompts) == 1 or not all(path.is_file() for path in paths):
        return
    replies, judgments = map(read_parquet, paths)
    # A run of an earlier version lacks columns that were added since.
    replies = replies.with_columns(
        pl.lit(None, kind).alias(name)
        for name, kind in REPLIES.items()
        if name not in replies.columns
    )
    first = judgments.filter(pl.col("judge") == judgments["judge"].first())
    for place, name in names(settings.prompts).items():
        own = replies.filter(NUMBER.eq_missing(place))
        if not own.is_empty():
            judged = first.filter(NUMBER.eq_missing(place))
            figures = safety_rows(judged, own, settings.bootstrap, settings.confidence)
            yield Suite(name, figures, own)


def names(prompts: Sequence[PromptSet]) -> dict[int | None, str]:
    """Return the names of prompt sets by `NUMBER`; equal ones get their position in the recipe, from 1."""
    plain = {None if each.own else place: _name(each) for place, each in enumerate(prompts)}
    often = Counter(plain.values())
    return {
        place: name if place is None or often[name] == 1 else f"{name} ({place + 1})"
        for place, name in plain.items()
    }


def _name(prompts: PromptSet) -> str:
    if prompts.suite is not None:
        return prompts.suite
    if prompts.hub is not None:
        return prompts.hub
    return OWN if prompts.path is None else PurePath(prompts.path).stem
