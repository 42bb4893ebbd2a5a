"""The rescue stage: variants that a check would reject, or that the engine failed on, are retried.

The strategies are in the recipe (`rescue.rungs`). Every attempt is kept with its scores and its strategy
(column ``rung``); the verdict takes the first attempt, in the order of the strategies, that passes every check.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from mlc_data.checks.base import Check
from mlc_data.checks.scoring import check_versions, score_names, score_rows, scored_by
from mlc_data.checks.shards import dispatch_checks, loaded_checks
from mlc_data.checks.stage import decided_by, recipe_checks
from mlc_data.checks.tables import files, refuse_stale, scores_of
from mlc_data.checks.unknown import Unknown
from mlc_data.checks.verdicts import ATTEMPTS, attempts_schema, judge
from mlc_data.core import progress
from mlc_data.core.hashing import RowsHash, hash_value
from mlc_data.core.parquet import TableWriter, read_table
from mlc_data.core.records import FailureReason, Status
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.sharding import Shard, shard_state
from mlc_data.pipeline.sharding.dispatch import read_plan
from mlc_data.pipeline.sharding.shard import Result
from mlc_data.pipeline.stage import Stage, StageResult
from mlc_data.pipeline.staging import Staging
from mlc_data.recipe.recipe import Recipe
from mlc_data.rescue.candidates import best_of
from mlc_data.rescue.strategies import RescueStrategy, Retry
from mlc_data.translate.cache.replica import cache_replica, shard_cache
from mlc_data.translate.cached import CachedTranslator
from mlc_data.translate.engine_figures import as_note
from mlc_data.translate.engines.base import Translator
from mlc_data.translate.engines.loading import load_translator
from mlc_data.translate.engines.weights import with_cores
from mlc_data.translate.stage import load_for_languages, record_of

log = logging.getLogger(__name__)

AT_ONCE = 512
"""Variants that are retried together."""

_ONLY_ANOTHER_MODEL = frozenset({Unknown.name})
"""Reasons that the same model cannot fix: it does not know the prompt's characters."""

_ONLY_A_SPLIT = frozenset({FailureReason.SEGMENT_TOO_LONG})


@dataclass
class StrategyStats:
    """Variants that a strategy was tried on and saved, sentences it translated, and seconds."""

    tried: int = 0
    saved: int = 0
    translated: int = 0
    seconds: float = 0.0

    def add(self, other: StrategyStats) -> None:
        """Add the figures of another shard."""
        self.tried += other.tried
        self.saved += other.saved
        self.translated += other.translated
        self.seconds += other.seconds

    def rounded(self) -> dict[str, float]:
        """Return the figures for the manifest, with seconds to two digits."""
        return {**asdict(self), "seconds": round(self.seconds, 2)}


@dataclass
class Rescuer:
    """Applies the strategies to variants that do not pass, and writes every attempt."""

    retry: Retry
    strategies: Sequence[RescueStrategy]
    checks: Sequence[Check]
    writer: TableWriter
    bar: progress.Bar
    content: RowsHash = field(default_factory=RowsHash)
    stats: dict[RescueStrategy, StrategyStats] = field(default_factory=dict)

    def apply(self, left: pl.DataFrame) -> None:
        """Retry variants as `verdicts.judge` returns them, none of them kept."""
        for number, strategy in enumerate(self.strategies):
            stats = self.stats.setdefault(strategy, StrategyStats())
            started, before = time.perf_counter(), self.retry.translated
            judged = self._attempt(strategy, left.filter(worth_it(strategy)))
            self._keep(judged, strategy)
            saved = judged.filter(pl.col("status") == Status.KEPT)
            left = left.join(saved, on=["prompt_id", "language"], how="anti")
            self.bar.advance(left.height + saved.height * (len(self.strategies) - number))
            stats.tried += judged.height
            stats.saved += saved.height
            stats.translated += self.retry.translated - before
            stats.seconds += time.perf_counter() - started

    def _attempt(self, strategy: RescueStrategy, variants: pl.DataFrame) -> pl.DataFrame:
        if strategy is RescueStrategy.CANDIDATES:
            candidates = [self._judge(each) for each in self.retry.candidates(variants)]
            return best_of(candidates, self.checks)
        return self._judge(self.retry.attempt(strategy, variants))

    def _judge(self, attempts: pl.DataFrame) -> pl.DataFrame:
        scores = score_rows(self.checks, attempts.filter(pl.col("failure").is_null()))
        return judge(attempts, scores, self.checks)

    def _keep(self, judged: pl.DataFrame, strategy: RescueStrategy) -> None:
        names = score_names(self.checks)
        rows = judged.with_columns(rung=pl.lit(str(strategy))).select(list(attempts_schema(names)))
        self.writer.write(rows)
        for row in rows.drop("segments").iter_rows():
            self.content.add_row(row)


def worth_it(strategy: RescueStrategy) -> pl.Expr:
    """Return an expression over ``reasons``: True if the strategy may fix the variant."""
    reasons = pl.col("reasons")
    if strategy is RescueStrategy.MODEL:
        return pl.lit(True)
    hopeless = reasons.list.set_intersection(list(_ONLY_ANOTHER_MODEL)).list.len() > 0
    if strategy is not RescueStrategy.SPLIT:
        hopeless |= reasons.list.set_intersection(list(_ONLY_A_SPLIT)).list.len() > 0
    return ~hopeless


class RescueStage(Stage):
    """Retry variants that a check rejects: ``rescue/attempts.parquet``, a shard for each file of translations.

    Raises:
        ModelError: a model is missing or cannot be loaded.
        UsageError: the translations have not been scored yet.
    """

    name = "rescue"
    version: ClassVar[int] = 2
    command = "rescue"
    help = "Retry rejected variants with the recipe's rescue strategies."
    reads = ("translations", "scores/scores.parquet")
    writes: ClassVar = {"rescue": "rescue attempts"}
    models = ("translator", "second_translator", "language_identifier")
    content: ClassVar = {ATTEMPTS: "attempts"}

    def preflight(self, run: Run) -> None:
        """Check the engine of the strategy ``model``, if the recipe has one.

        Raises:
            ModelError: it is missing, cannot be loaded, or lacks a language.
        """
        if (settings := run.recipe.rescue.model) is not None:
            load_for_languages(run.recipe, settings)

    def key(self, run: Run) -> dict[str, Any]:
        """See `Stage.key`."""
        translator, second = _engines(run.recipe)
        return _key(run, translator, second)

    def work(self, run: Run, staging: Staging) -> StageResult:
        """See `Stage.work`."""
        checks = recipe_checks(decided_by(run))
        names = score_names(checks)
        translator, second = _engines(run.recipe)
        content, stats, of_engines = RowsHash(), dict[str, StrategyStats](), Counter[str]()
        with TableWriter(staging.path(ATTEMPTS), attempts_schema(names)) as writer:
            for table, result in _attempts(self, run, staging, checks):
                writer.write(read_table(table, attempts_schema(names)))
                content.add(RowsHash.of_state(result["content"]))
                of_engines.update(result["figures"])
                for name, figures in result["costs"].items():
                    stats.setdefault(name, StrategyStats()).add(StrategyStats(**figures))
        _report(stats)
        return StageResult(
            content_hash={"attempts": content.hexdigest()},
            models={"second_translator": record_of(second)} if second else {},
            notes={
                "rungs": {name: each.rounded() for name, each in stats.items()},
                **as_note(of_engines),
                "ladder": hash_value(_without_thresholds(run.recipe, translator, second)),
            },
        )

    def shard(self, shard: Shard, path: Path, bar: progress.Bar) -> Result:
        """Retry the rejected variants of a file of translations."""
        opened = shard_state(shard, lambda run: _Opened.of(shard, run))
        run, recipe = opened.run, opened.run.recipe
        begun = read_plan(shard)["begun"][shard.number]
        with ExitStack() as stack:

            def cached(translator: Translator) -> CachedTranslator:
                own = shard_cache(recipe.translate.cache, translator, shard.folder, shard.number)
                return CachedTranslator(translator, stack.enter_context(own), recipe.translate.mask)

            schema = attempts_schema(score_names(opened.checks))
            rescuer = Rescuer(
                retry=Retry(
                    first=cached(opened.translator),
                    second=cached(opened.second) if opened.second else None,
                    source=recipe.languages.source,
                    settings=recipe.rescue,
                    round_trip=recipe.translate.round_trip,
                ),
                strategies=[RescueStrategy(name) for name in recipe.rescue.rungs],
                checks=loaded_checks(shard, run, opened.checks),
                writer=stack.enter_context(TableWriter(path, schema)),
                bar=bar,
            )
            file = files(run)[shard.number]
            for part in _in_batches(part for part, _ in _rejected(run, opened.checks, file, begun)):
                rescuer.apply(part)
        costs = {str(name): asdict(each) for name, each in rescuer.stats.items()}
        figures = dict(rescuer.retry.figures)
        return {"content": rescuer.content.state(), "costs": costs, "figures": figures}


def _engines(recipe: Recipe) -> tuple[Translator | None, Translator | None]:
    """Return the engines of the strategies; none for an import, which is not translated again."""
    if recipe.translate.imported is not None:
        return None, None
    other = recipe.rescue.model
    return load_translator(recipe.translate), load_translator(other) if other else None


def _attempts(
    stage: RescueStage, run: Run, staging: Staging, checks: Sequence[Check]
) -> Iterable[tuple[Path, dict[str, Any]]]:
    """Yield the attempts of each file of translations; none where the recipe has no strategies, or
    imports its translations."""
    strategies = run.recipe.rescue.rungs
    if not strategies or run.recipe.translate.imported is not None:
        return ()
    begun, weights = [0], list[int]()
    for file in files(run):
        counts = [(part.height, scored) for part, scored in _rejected(run, checks, file, begun[-1])]
        # A variant goes through every strategy, at most.
        weights.append(len(strategies) * sum(rejected for rejected, _ in counts))
        begun.append(begun[-1] + sum(scored for _, scored in counts))
    refuse_stale(run, begun[-1])
    return dispatch_checks(
        stage,
        run,
        staging,
        checks,
        weights=weights,
        label=("rescuing", "attempts"),
        others=True,
        plan={"begun": begun},
        replicate=cache_replica(run.recipe.translate.cache),
    )


@dataclass(frozen=True)
class _Opened:
    """Models and checks that all shards need."""

    run: Run
    translator: Translator
    second: Translator | None
    checks: tuple[Check, ...]

    @classmethod
    def of(cls, shard: Shard, run: Run) -> _Opened:
        recipe = run.recipe
        engine = with_cores(recipe.translate, shard.cores)
        other = recipe.rescue.model
        translator = load_translator(engine)
        second = load_translator(with_cores(other, shard.cores)) if other else None
        shard.check_key(RescueStage().digest_of(_key(run, translator, second)))
        return cls(run, translator, second, recipe_checks(decided_by(run)))


def _key(run: Run, translator: Translator | None, second: Translator | None) -> dict[str, Any]:
    return {
        **_without_thresholds(run.recipe, translator, second),
        "translations": run.content_hash("translations"),
        "scores": run.content_hash("scores"),
        "thresholds": run.recipe.checks.model_dump(mode="json"),
    }


def only_thresholds_changed(run: Run) -> bool:
    """Return whether the attempts in a run are those of its translations, models and strategies.

    An earlier stage whose outputs changed takes this one out of the manifest, so it is enough to compare
    the rest.
    """
    record = run.manifest.stages.get("rescue")
    if record is None:
        return False
    now = _without_thresholds(run.recipe, *_engines(run.recipe))
    return bool(record.notes.get("ladder") == hash_value(now))


def _without_thresholds(
    recipe: Recipe, translator: Translator | None, second: Translator | None
) -> dict[str, Any]:
    checks = recipe_checks(recipe)
    return {
        "rescue": recipe.rescue.model_dump(mode="json"),
        "models": [
            [each.id, each.revision, each.settings] for each in (translator, second) if each
        ],
        "decoding": translator.decoding.as_dict() if translator else None,
        "mask": recipe.translate.mask,
        "checks": check_versions(checks),
        "scored_by": scored_by(checks),
    }


def _rejected(
    run: Run, checks: Sequence[Check], file: Path, begun: int
) -> Iterator[tuple[pl.DataFrame, int]]:
    """Yield the variants of a file that are not kept, part by part, and the number of scores of each part."""
    for rows, scores in scores_of(run, score_names(checks), file, begun):
        judged = judge(rows, scores, checks)
        yield judged.filter(pl.col("status") != Status.KEPT), rows["failure"].null_count()


def _in_batches(parts: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """Yield the rows in tables of at least `AT_ONCE` rows, so that the engine's batches are full."""
    held: list[pl.DataFrame] = []
    for part in parts:
        held.append(part)
        if sum(each.height for each in held) >= AT_ONCE:
            yield pl.concat(held)
            held = []
    if held:
        yield pl.concat(held)


def _report(stats: Mapping[str, StrategyStats]) -> None:
    for name, each in stats.items():
        log.info(
            "rescue: %s saved %d of %d variants (%d sentences translated, %.1f s)",
            name, each.saved, each.tried, each.translated, each.seconds,
        )  # fmt: skip
