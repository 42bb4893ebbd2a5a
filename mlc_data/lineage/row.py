"""The lineage of one row: where its prompt stood, and by which model, decoding and scores each variant came."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlc_data.lineage.build import lineage_of
from mlc_data.lineage.explain import Attempt, Score, Variant, explain
from mlc_data.lineage.record import ModelLineage, SourceLineage
from mlc_data.pipeline.run import Run
from mlc_data.recipe.recipe import Recipe
from mlc_data.rescue.strategies import RescueStrategy

_ID_DIGITS = 16
_DECODING = (
    "beam_size",
    "no_repeat_ngram_size",
    "repetition_penalty",
    "num_hypotheses",
    "max_output_tokens",
)


@dataclass(frozen=True)
class Translation:
    """An attempt at a variant.

    ``decoding`` is how the engine searched, as far as recipe and manifest tell it; ``cached`` counts the
    sentences that came from the cache, of ``sentences``.
    """

    rung: str
    model: ModelLineage
    decoding: Mapping[str, Any]
    text: str | None
    back_translation: str | None
    failure: str | None
    sentences: int
    cached: int
    scores: tuple[Score, ...]


@dataclass(frozen=True)
class VariantLineage:
    """A variant, its verdict, and every attempt; ``kept`` is the one that stands in the variant set."""

    language: str
    status: str
    reasons: tuple[str, ...]
    kept: Translation | None
    attempts: tuple[Translation, ...]


@dataclass(frozen=True)
class RowLineage:
    """A prompt. ``split`` is None where it has no variant set, ``rejection`` is set where the row became
    no prompt."""

    prompt_id: str
    prompt: str | None
    category: str | None
    source: SourceLineage
    row: int
    rejection: str | None
    split: str | None
    variants: tuple[VariantLineage, ...]


def row_lineage(run: Run, wanted: str, language: str | None = None) -> RowLineage:
    """The lineage of one prompt.

    Args:
        run: its tables are read.
        wanted: a prompt's id or its first digits; or a row of the source, as ``row:17`` or ``17``.
        language: only this target.

    Raises:
        UsageError: see `mlc_data.lineage.explain.explain`.
    """
    if re.fullmatch(rf"[0-9]{{1,{_ID_DIGITS - 1}}}", wanted):
        wanted = f"row:{wanted}"
    found = explain(run, wanted, language)
    lineage = lineage_of(run.recipe, run.manifest)
    return RowLineage(
        prompt_id=found.prompt_id,
        prompt=found.prompt,
        category=found.category,
        source=next(one for one in lineage.sources if one.name == "prompts"),
        row=found.row,
        rejection=found.rejection,
        split=found.split,
        variants=tuple(
            _variant(run, one, {model.role: model for model in lineage.models})
            for one in found.variants
        ),
    )


def _variant(run: Run, variant: Variant, models: Mapping[str, ModelLineage]) -> VariantLineage:
    attempts = tuple(_translation(run, one, models) for one in variant.attempts)
    kept = [one for one in attempts if variant.status == "kept" and one.rung == variant.rung]
    return VariantLineage(
        variant.language,
        variant.status,
        tuple(variant.reasons),
        kept[0] if kept else None,
        attempts,
    )


def _translation(run: Run, attempt: Attempt, models: Mapping[str, ModelLineage]) -> Translation:
    role = "second_translator" if attempt.rung == RescueStrategy.MODEL else "translator"
    return Translation(
        rung=attempt.rung,
        model=models.get(role, ModelLineage(role=role)),
        decoding=_decoding(run, attempt.rung),
        text=attempt.text,
        back_translation=attempt.back_translation,
        failure=attempt.failure,
        sentences=len(attempt.segments),
        cached=sum(bool(one["cached"]) for one in attempt.segments),
        scores=attempt.scores,
    )


def _decoding(run: Run, rung: str) -> dict[str, Any]:
    """How a rung searched: what `translate` recorded, changed as `mlc_data.rescue.strategies` changes it."""
    recipe: Recipe = run.recipe
    if rung == RescueStrategy.MODEL:
        engine = recipe.rescue.model
        return {name: getattr(engine, name) for name in _DECODING if hasattr(engine, name)}
    stage = run.manifest.stages.get("translate")
    told = stage.notes.get("settings", {}) if stage else {}
    first = {name: told[name] for name in _DECODING if name in told}
    if rung == RescueStrategy.SEARCH:
        return {**first, **recipe.rescue.search.model_dump()}
    if rung == RescueStrategy.NBEST:
        many = recipe.rescue.hypotheses
        beam = max(many, first.get("beam_size", many))
        return {**first, "beam_size": beam, "num_hypotheses": many}
    return first
