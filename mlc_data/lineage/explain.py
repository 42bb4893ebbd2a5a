"""Everything about one row: its source, every translation, decoding, scores, verdicts and variant set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import polars as pl

from mlc_data.checks.stage import decided_by
from mlc_data.checks.verdicts import ATTEMPTS, FIRST
from mlc_data.core.parquet import read_parquet, scan_parquet
from mlc_data.core.records import TRANSLATIONS
from mlc_data.lineage.find import find_row
from mlc_data.pipeline.lineage.build import lineage_of
from mlc_data.pipeline.lineage.record import Lineage, ModelLineage, SourceLineage
from mlc_data.pipeline.run import Run
from mlc_data.recipe.recipe import Recipe
from mlc_data.rescue.strategies import RescueStrategy
from mlc_data.translate.engines.base import Decoding

_DECODING = [field.name for field in fields(Decoding)]


@dataclass(frozen=True)
class Score:
    """One score and one threshold.

    ``bound`` is the threshold for this text, ``key`` its key in the recipe; ``upper`` says that it is the
    greatest value that passes. A score without a threshold has no ``key``.
    """

    name: str
    value: float
    key: str | None = None
    bound: float | None = None
    upper: bool = False

    @property
    def passes(self) -> bool:
        """Return whether the score is within its threshold."""
        if self.bound is None:
            return True
        return self.value <= self.bound if self.upper else self.value >= self.bound


@dataclass(frozen=True)
class Attempt:
    """One translation of a prompt, the first one or one by a rescue strategy.

    ``decoding`` holds the search settings, as far as recipe and manifest record them. ``segments`` has one
    mapping per sentence (`records.SEGMENT`), of which ``cached`` came from the cache. ``scores`` is empty where
    the engine failed, or where nothing has been scored yet.
    """

    rung: str
    model: ModelLineage
    decoding: Mapping[str, Any]
    text: str | None
    back_translation: str | None
    failure: str | None
    segments: list[dict[str, Any]]
    sentences: int
    cached: int
    scores: tuple[Score, ...]


@dataclass(frozen=True)
class Variant:
    """Every attempt at one language, and the verdict.

    ``kept`` is the attempt in the variant set, ``rung`` its rescue strategy.
    """

    language: str
    status: str
    reasons: list[str]
    rung: str | None
    kept: Attempt | None
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True)
class Explanation:
    """Everything that a run records about one row of its source.

    ``rejection`` is set for a row that did not become a prompt; ``split`` is None without a variant set.
    """

    prompt_id: str
    prompt: str | None
    category: str | None
    source: SourceLineage
    row: int
    rejection: str | None
    variants: list[Variant]
    split: str | None


def explain(run: Run, wanted: str, language: str | None = None) -> Explanation:
    """Return everything that a run records about one row.

    Args:
        run: the run.
        wanted: a row of the source, as `find_row` takes it.
        language: only this target.

    Raises:
        UsageError: no prompt matches, or several do; or the sources have not been read.
    """
    prompt = find_row(run, wanted)
    lineage = lineage_of(run.recipe, run.manifest)
    source = next(source for source in lineage.sources if source.name == "prompts")
    if "reason" in prompt:
        reason = f"{prompt['reason']}: {prompt['detail']}"
        return Explanation("", prompt["prompt"], None, source, prompt["row"], reason, [], None)
    own = {name: prompt[name] for name in ("prompt_id", "prompt", "category", "row")}
    variants = _variants(run, lineage, prompt["prompt_id"], language)
    split = _split(run, prompt["prompt_id"])
    return Explanation(**own, source=source, rejection=None, variants=variants, split=split)


def _variants(run: Run, lineage: Lineage, prompt_id: str, language: str | None) -> list[Variant]:
    if not run.path("translations").exists():
        return []
    mine = pl.col("prompt_id") == prompt_id
    if language:
        mine &= pl.col("language") == language
    models = {model.role: model for model in lineage.models}
    verdicts = {row["language"]: row for row in _rows(run, "rejected/variants.parquet", mine)}
    for row in _rows(run, "variants/variants.parquet", mine):
        verdicts[row["language"]] = {**row, "status": "kept", "reasons": []}
    scores = {row["language"]: row for row in _rows(run, "scores/scores.parquet", mine)}
    attempts: dict[str, list[Attempt]] = {}
    rows = scan_parquet(run.path("translations")).filter(mine).collect()
    for row in rows.iter_rows(named=True):
        scored = row | scores.get(row["language"], {})
        attempts[row["language"]] = [_attempt(run, models, scored, FIRST)]
    for row in _rows(run, ATTEMPTS, mine):
        attempts[row["language"]].append(_attempt(run, models, row, row["rung"]))
    return [_variant(code, verdicts.get(code, {}), tried) for code, tried in attempts.items()]


def _variant(language: str, verdict: Mapping[str, Any], attempts: list[Attempt]) -> Variant:
    status, rung = verdict.get("status", "not decided yet"), verdict.get("rung")
    kept = (attempt for attempt in attempts if status == "kept" and attempt.rung == rung)
    return Variant(
        language, status, verdict.get("reasons", []), rung, next(kept, None), tuple(attempts)
    )


def _rows(run: Run, name: str, mine: pl.Expr) -> list[dict[str, Any]]:
    """Return rows of a table of a finished stage; none if there is no such table."""
    if not any(name in record.outputs for record in run.manifest.stages.values()):
        return []
    return scan_parquet(run.path(name)).filter(mine).collect().to_dicts()


def _attempt(
    run: Run, models: Mapping[str, ModelLineage], row: Mapping[str, Any], strategy: str
) -> Attempt:
    role = "second_translator" if strategy == RescueStrategy.MODEL else "translator"
    return Attempt(
        rung=strategy,
        model=models.get(role, ModelLineage(role=role)),
        decoding=_decoding(run, strategy),
        text=row["text"],
        back_translation=row["back_translation"],
        failure=row["failure"],
        segments=row["segments"],
        sentences=len(row["segments"]),
        cached=sum(bool(segment["cached"]) for segment in row["segments"]),
        scores=tuple(_scores(decided_by(run), row)),
    )


def _decoding(run: Run, strategy: str) -> dict[str, Any]:
    """Return the search settings: those that `translate` recorded, changed as the rescue strategy changes them."""
    recipe = run.recipe
    if strategy == RescueStrategy.MODEL:
        engine = recipe.rescue.model
        return {name: getattr(engine, name) for name in _DECODING if hasattr(engine, name)}
    stage = run.manifest.stages.get("translate")
    recorded = stage.notes.get("settings", {}) if stage else {}
    first = {name: recorded[name] for name in _DECODING if name in recorded}
    if strategy == RescueStrategy.SEARCH:
        return {**first, **recipe.rescue.search.model_dump()}
    if strategy in (RescueStrategy.NBEST, RescueStrategy.CANDIDATES):
        hypotheses = recipe.rescue.hypotheses
        beam = max(hypotheses, first.get("beam_size", hypotheses))
        return {**first, "beam_size": beam, "num_hypotheses": hypotheses}
    return first


def _scores(recipe: Recipe, row: Mapping[str, Any]) -> Iterator[Score]:
    """Yield each score, once for each threshold that it is compared with."""
    scores = {
        name: value
        for name, value in row.items()
        if name not in TRANSLATIONS and name != "rung" and value is not None
    }
    thresholds = tuple(recipe.checks.thresholds())
    for name, value in scores.items():
        compared = [threshold for threshold in thresholds if threshold.limit.score == name]
        for each in compared:
            bound = each.limit.bound(each.settings, row["language"], scores)
            yield Score(name, value, each.key, bound, each.limit.upper)
        if not compared:
            yield Score(name, value)


def _split(run: Run, prompt_id: str) -> str | None:
    for split in ("train", "test"):
        for file in sorted(run.path("sets").glob(f"{split}-*.parquet")):
            if (read_parquet(file, columns=["prompt_id"])["prompt_id"] == prompt_id).any():
                return split
    return None
