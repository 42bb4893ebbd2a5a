"""Inputs of a training: the model, and a run's pairs and sets in the form that the trainer takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

from mlc_data.consistency.sets import read_sets
from mlc_data.consistency.token_sets import TokenSets, tokenise_sets
from mlc_data.core.parquet import read_table
from mlc_data.core.records import PREFERENCES, Split
from mlc_data.errors import MlcDataError
from mlc_data.lm.chat_template import Chat
from mlc_data.lm.loading import LoadedModel, load_model
from mlc_data.lm.prompt_format import PromptFormat, select_pairs
from mlc_data.pipeline.run import Run
from mlc_data.recipe.align import Align


@dataclass(frozen=True)
class Inputs:
    """Pairs and sets of a run.

    ``left_out`` counts the pairs that are not trained on by `mlc_data.lm.prompt_format.LeftOut`; ``held_out`` are
    those of them whose prompt is held out, where the training evaluates on them.
    """

    pairs: list[dict[str, Any]]
    left_out: dict[str, int]
    sets: TokenSets
    held_out: list[dict[str, Any]] = field(default_factory=list)


def load(settings: Align, revision: str | None) -> LoadedModel:
    """Return the model in the type that it is trained in.

    Raises:
        ModelError: see `mlc_data.lm.loading.load_model`.
    """
    # Small steps vanish in bfloat16 weights: those that are trained are float32 masters.
    weights: Literal["float32", "bfloat16"] = settings.dtype if settings.lora else settings.weights
    return load_model(
        settings.model, revision, weights, chat=Chat.of(settings), options=settings.model_options
    )


def read_inputs(run: Run, form: PromptFormat) -> Inputs:
    """Return the pairs and sets that a run's training reads.

    Raises:
        UsageError: the sets have not been built yet.
        MlcDataError: no pairs or sets are left to train on.
    """
    recipe, settings = run.recipe, run.recipe.align
    languages = (recipe.languages.source, *recipe.languages.targets)
    held_out = frozenset(read_sets(run, Split.TEST)["prompt_id"])
    preferences = read_table(run.path("preferences.parquet"), PREFERENCES)
    pairs, left_out = select_pairs(
        preferences.iter_rows(named=True), form, settings.max_length, held_out
    )
    rows = read_sets(run, Split.TRAIN).iter_rows(named=True)
    sets = tokenise_sets(rows, form, languages, settings.max_length)
    _require(pairs, sets, left_out, settings)
    evaluated: list[dict[str, Any]] = []
    if settings.evaluates:
        chosen = preferences.filter(pl.col("prompt_id").is_in(list(held_out)))
        evaluated, _ = select_pairs(chosen.iter_rows(named=True), form, settings.max_length)
    return Inputs(pairs, left_out, sets, evaluated)


def _require(
    pairs: list[dict[str, Any]], sets: TokenSets, left_out: Mapping[str, int], settings: Align
) -> None:
    if not pairs:
        reasons = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
        raise MlcDataError(
            f"no preference pair is left to train on ({reasons or 'the sources have none'}): give "
            "the prompts `chosen` and `rejected` responses, or name sources.preferences"
            + ("; raise align.max_length" if "too_long" in left_out else "")
        )
    if settings.loss.weight and not sets:
        raise MlcDataError(
            "no variant set is left to train on: "
            + (
                f"all {sets.dropped} had fewer than two texts of at most align.max_length = "
                f"{settings.max_length} tokens; raise it, or set align.loss.weight to 0"
                if sets.dropped
                else "sets/ has none in its train split; rejected/variants.parquet and `mlc-data "
                "explain` say why variants were not kept, sets.completeness and sets.test_share "
                "decide the rest. With align.loss.weight=0 no sets are needed"
            )
        )
