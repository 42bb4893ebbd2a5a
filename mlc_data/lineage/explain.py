"""What became of one prompt: its segments, hypotheses, scores, verdicts and set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from mlc_data.checks.verdicts import ATTEMPTS, FIRST
from mlc_data.core.manifest import ModelRecord
from mlc_data.core.records import TRANSLATIONS
from mlc_data.errors import UsageError
from mlc_data.pipeline.run import Run
from mlc_data.recipe.recipe import Recipe
from mlc_data.rescue.strategies import RescueStrategy


@dataclass(frozen=True)
class Score:
    """One score beside one threshold.

    ``bound`` is the threshold that held for this text, ``key`` its place in the recipe, ``upper``
    whether it is the greatest value that passes. A score that nothing is compared with has no ``key``.
    """

    name: str
    value: float
    key: str | None = None
    bound: float | None = None
    upper: bool = False

    @property
    def passes(self) -> bool:
        """Whether the score is within its threshold."""
        if self.bound is None:
            return True
        return self.value <= self.bound if self.upper else self.value >= self.bound


@dataclass(frozen=True)
class Attempt:
    """One translation of a prompt, by one rung of the ladder.

    ``segments`` has a mapping a sentence (`records.SEGMENT`). ``scores`` is empty where the engine
    failed, or where nothing has been scored yet.
    """

    rung: str
    model: ModelRecord | None
    text: str | None
    back_translation: str | None
    failure: str | None
    segments: list[dict[str, Any]]
    scores: tuple[Score, ...]


@dataclass(frozen=True)
class Variant:
    """Every attempt at one language, and the verdict; ``rung`` is that of the variant kept."""

    language: str
    status: str
    reasons: list[str]
    rung: str | None
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True)
class Explanation:
    """Everything that a run's tables say about one prompt.

    ``rejection`` is set for a row that did not become a prompt.
    """

    prompt_id: str
    prompt: str | None
    category: str | None
    row: int
    rejection: str | None
    variants: list[Variant]
    split: str | None


def explain(run: Run, wanted: str, language: str | None = None) -> Explanation:
    """Find a prompt by its id (or its first digits), or a source row as ``row:17``.

    Raises:
        UsageError: no prompt fits, or several do; or the sources have not been read.
    """
    if not run.path("prompts.parquet").exists():
        raise UsageError(f"{run.folder} has no prompts yet: run the sources stage first")
    prompts = pl.read_parquet(run.path("prompts.parquet"))
    if wanted.startswith("row:"):
        number = wanted.removeprefix("row:")
        if not number.isdigit():
            raise UsageError(f"{wanted!r}: a source row reads row:17")
        rejected = pl.read_parquet(run.path("rejected", "prompts.parquet"))
        for row in rejected.filter(pl.col("row") == int(number)).iter_rows(named=True):
            told = f"{row['reason']}: {row['detail']}"
            return Explanation("", row["prompt"], None, row["row"], told, [], None)
        found = prompts.filter(pl.col("row") == int(number))
    else:
        found = prompts.filter(pl.col("prompt_id").str.starts_with(wanted))
    if found.height != 1:
        what = "no prompt" if found.is_empty() else f"{found.height} prompts"
        raise UsageError(
            f"{what} in {run.folder} with {wanted!r}; ids stand in prompts.parquet, and a source "
            "row can be named as row:17"
        )
    prompt = found.row(0, named=True)
    prompt_id = prompt["prompt_id"]
    return Explanation(
        prompt_id,
        prompt["prompt"],
        prompt["category"],
        prompt["row"],
        None,
        _variants(run, prompt_id, language),
        _split(run, prompt_id),
    )


def _variants(run: Run, prompt_id: str, language: str | None) -> list[Variant]:
    if not run.path("translations").exists():
        return []
    mine = pl.col("prompt_id") == prompt_id
    if language:
        mine &= pl.col("language") == language
    rows = pl.scan_parquet(run.path("translations", "*.parquet")).filter(mine).collect()
    verdicts = {row["language"]: row for row in _verdicts(run, mine)}
    scores = {row["language"]: row for row in _rows(run, "scores/scores.parquet", mine)}
    attempts: dict[str, list[Attempt]] = {}
    for row in rows.iter_rows(named=True):
        found = _attempt(run, row | scores.get(row["language"], {}), FIRST)
        attempts[row["language"]] = [found]
    for row in _rows(run, ATTEMPTS, mine):
        attempts[row["language"]].append(_attempt(run, row, row["rung"]))
    return [
        Variant(
            code,
            verdicts.get(code, {}).get("status", "not decided yet"),
            verdicts.get(code, {}).get("reasons", []),
            verdicts.get(code, {}).get("rung"),
            tuple(found),
        )
        for code, found in attempts.items()
    ]


def _rows(run: Run, name: str, mine: pl.Expr) -> list[dict[str, Any]]:
    """Rows of a table that a stage of the manifest has written; none if there is no such table."""
    if not any(name in record.outputs for record in run.manifest.stages.values()):
        return []
    return pl.scan_parquet(run.path(name)).filter(mine).collect().to_dicts()


def _attempt(run: Run, row: Mapping[str, Any], rung: str) -> Attempt:
    model = "second_translator" if rung == RescueStrategy.MODEL else "translator"
    return Attempt(
        rung=rung,
        model=run.manifest.models.get(model),
        text=row["text"],
        back_translation=row["back_translation"],
        failure=row["failure"],
        segments=row["segments"],
        scores=tuple(_scores(run.recipe, row)),
    )


def _scores(recipe: Recipe, row: Mapping[str, Any]) -> Iterator[Score]:
    """Each score, once for each threshold that it is compared with."""
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


def _verdicts(run: Run, mine: pl.Expr) -> list[dict[str, Any]]:
    aside = _rows(run, "rejected/variants.parquet", mine)
    good = _rows(run, "variants/variants.parquet", mine)
    return [
        *aside,
        *({**row, "status": "kept", "reasons": [], "rung": row["rung"]} for row in good),
    ]


def _split(run: Run, prompt_id: str) -> str | None:
    for split in ("train", "test"):
        if list(run.path("sets").glob(f"{split}-*.parquet")):
            sets = pl.read_parquet(run.path("sets", f"{split}-*.parquet"), columns=["prompt_id"])
            if (sets["prompt_id"] == prompt_id).any():
                return split
    return None
