"""Rescue before reject: what a check would reject, or the engine failed at, is translated again.

The ladder stands in the recipe (`rescue.rungs`). Every attempt is kept with its scores and its rung;
the verdict takes the first attempt, in the order of the ladder, that passes every check. This stage
sees translation and checks, which do not see each other.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from mlc_data import progress
from mlc_data.checks.base import Check, VariantReason
from mlc_data.checks.runner import build_checks, score_names, score_rows
from mlc_data.checks.stage import preflight, ready, with_scores, word_lists
from mlc_data.checks.verdicts import ATTEMPTS, attempts_schema, judge
from mlc_data.hashing import RowsHash, code_version, hash_value
from mlc_data.manifest import ModelRecord
from mlc_data.recipe import Recipe
from mlc_data.records import FailureReason, Status
from mlc_data.translate.ask import Asker
from mlc_data.translate.cache import open_cache
from mlc_data.translate.engine import load_translator
from mlc_data.translate.retry import Retry, Rung
from mlc_data.translate.translator import Translator, refuse_pairs
from mlc_data.workspace import Outcome, Run, Staging, TableWriter

log = logging.getLogger(__name__)

AT_ONCE = 512
"""Variants that climb the ladder together."""

_ONLY_ANOTHER_MODEL = frozenset({VariantReason.UNKNOWN})
"""What the same model cannot mend: it does not know the prompt's characters."""

_ONLY_A_SPLIT = frozenset({FailureReason.SEGMENT_TOO_LONG})


@dataclass
class Cost:
    """What a rung was tried with, what it saved, and what that took."""

    tried: int = 0
    saved: int = 0
    translated: int = 0
    seconds: float = 0.0


@dataclass
class Ladder:
    """Climbs the rungs with variants that do not pass, and writes every attempt."""

    retry: Retry
    rungs: Sequence[Rung]
    checks: Sequence[Check]
    writer: TableWriter
    bar: progress.Bar
    content: RowsHash = field(default_factory=RowsHash)
    costs: dict[Rung, Cost] = field(default_factory=dict)

    def climb(self, left: pl.DataFrame) -> None:
        """Try with variants as `verdicts.judge` gives them, none of them kept."""
        for number, rung in enumerate(self.rungs):
            cost = self.costs.setdefault(rung, Cost())
            begun, before = time.perf_counter(), self.retry.translated
            attempts = self.retry.attempt(rung, left.filter(worth_it(rung)))
            scores = score_rows(self.checks, attempts.filter(pl.col("failure").is_null()))
            judged = judge(attempts, scores, self.checks)
            self._keep(judged, rung)
            saved = judged.filter(pl.col("status") == Status.KEPT)
            left = left.join(saved, on=["prompt_id", "language"], how="anti")
            self.bar.advance(left.height + saved.height * (len(self.rungs) - number))
            cost.tried += attempts.height
            cost.saved += saved.height
            cost.translated += self.retry.translated - before
            cost.seconds += time.perf_counter() - begun

    def _keep(self, judged: pl.DataFrame, rung: Rung) -> None:
        names = score_names(self.checks)
        rows = judged.with_columns(rung=pl.lit(str(rung))).select(list(attempts_schema(names)))
        self.writer.write(rows)
        for row in rows.drop("segments").iter_rows():
            self.content.add_row(row)


def worth_it(rung: Rung) -> pl.Expr:
    """Over ``reasons``: whether a rung could mend what is wrong with the variant."""
    reasons = pl.col("reasons")
    if rung is Rung.MODEL:
        return pl.lit(True)
    hopeless = reasons.list.set_intersection(list(_ONLY_ANOTHER_MODEL)).list.len() > 0
    if rung is not Rung.SPLIT:
        hopeless |= reasons.list.set_intersection(list(_ONLY_A_SPLIT)).list.len() > 0
    return ~hopeless


def second_model(recipe: Recipe) -> Translator | None:
    """The engine of the rung ``model``, if the recipe has one and it knows every language.

    Raises:
        ModelError: it is missing, cannot be loaded, or lacks a language.
    """
    if recipe.rescue.model is None:
        return None
    translator = load_translator(recipe.rescue.model)
    source, targets = recipe.languages.source, recipe.languages.targets
    back = targets if recipe.translate.round_trip else ()
    refuse_pairs(translator, [(source, code) for code in targets] + [(c, source) for c in back])
    return translator


def rescue(run: Run, *, force: bool = False) -> bool:
    """Write ``rescue/attempts.parquet``; returns whether the stage was reused.

    Raises:
        ModelError: a model is missing or cannot be loaded.
        UsageError: the translations have not been scored yet.
    """
    recipe = run.recipe
    translator, second = load_translator(recipe.translate), second_model(recipe)
    checks = build_checks(recipe, preflight(recipe))
    names = score_names(checks)
    rungs = [Rung(name) for name in recipe.rescue.rungs]

    def work(staging: Staging) -> Outcome:
        with ExitStack() as stack:
            writer = stack.enter_context(
                TableWriter(staging.path(ATTEMPTS), attempts_schema(names))
            )
            ladder = Ladder(
                retry=Retry(
                    asker=_asker(stack, recipe, translator),
                    second=_asker(stack, recipe, second) if second else None,
                    source=recipe.languages.source,
                    settings=recipe.rescue,
                    round_trip=recipe.translate.round_trip,
                ),
                rungs=rungs,
                checks=ready(run, checks) if rungs else checks,
                writer=writer,
                bar=stack.enter_context(
                    progress.bar("rescuing", _failing(run, checks, rungs), "attempts")
                ),
            )
            if rungs:
                for part in _in_batches(_rejected(run, checks)):
                    ladder.climb(part)
        _tell(ladder)
        return Outcome(
            content_hash={"attempts": ladder.content.hexdigest()},
            models={"second_translator": _record(second)} if second else {},
            notes={
                "rungs": {str(rung): _rounded(cost) for rung, cost in ladder.costs.items()},
                "ladder": hash_value(_without_thresholds(recipe, translator, second)),
            },
        )

    key = {
        **_without_thresholds(recipe, translator, second),
        "translations": run.content_hash("translations"),
        "scores": run.content_hash("scores"),
        "thresholds": recipe.checks.model_dump(mode="json"),
    }
    return run.stage("rescue", key, ("rescue",), work, force=force)


def only_thresholds_changed(run: Run) -> bool:
    """Whether the attempts in a run are those of its translations, models and ladder.

    A stage before this one that gives something else takes this one out of the manifest, so it is
    enough to compare the rest.
    """
    record = run.manifest.stages.get("rescue")
    if record is None:
        return False
    recipe = run.recipe
    now = _without_thresholds(recipe, load_translator(recipe.translate), second_model(recipe))
    return bool(record.notes.get("ladder") == hash_value(now))


def _without_thresholds(
    recipe: Recipe, translator: Translator, second: Translator | None
) -> dict[str, Any]:
    return {
        "rescue": recipe.rescue.model_dump(mode="json"),
        "models": [[one.id, one.revision, one.settings] for one in (translator, second) if one],
        "decoding": translator.decoding.as_dict(),
        "words": {one.language: one.hash for one in word_lists(recipe)},
        "code": code_version("rescue.py", "translate", "checks", "refusals", "records.py"),
    }


def _asker(stack: ExitStack, recipe: Recipe, translator: Translator) -> Asker:
    return Asker(translator, stack.enter_context(open_cache(recipe.translate.cache, translator)))


def _rejected(run: Run, checks: Sequence[Check]) -> Iterator[pl.DataFrame]:
    for rows, scores in with_scores(run, score_names(checks)):
        yield judge(rows, scores, checks).filter(pl.col("status") != Status.KEPT)


def _failing(run: Run, checks: Sequence[Check], rungs: Sequence[Rung]) -> int:
    """How often a variant meets a rung, at most."""
    return len(rungs) * sum(part.height for part in _rejected(run, checks)) if rungs else 0


def _in_batches(parts: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """The rows in tables of at least `AT_ONCE`, so that the engine's batches are full."""
    held: list[pl.DataFrame] = []
    for part in parts:
        held.append(part)
        if sum(one.height for one in held) >= AT_ONCE:
            yield pl.concat(held)
            held = []
    if held:
        yield pl.concat(held)


def _record(translator: Translator) -> ModelRecord:
    return ModelRecord(id=translator.id, revision=translator.revision, licence=translator.licence)


def _rounded(cost: Cost) -> dict[str, float]:
    return {
        "tried": cost.tried,
        "saved": cost.saved,
        "translated": cost.translated,
        "seconds": round(cost.seconds, 2),
    }


def _tell(ladder: Ladder) -> None:
    for rung, cost in ladder.costs.items():
        log.info(
            "rescue: %s saved %d of %d variants (%d sentences translated, %.1f s)",
            rung, cost.saved, cost.tried, cost.translated, cost.seconds,
        )  # fmt: skip
