"""Rescue before reject: what a check would reject, or the engine failed at, is translated again.

The ladder stands in the recipe (`rescue.rungs`). Every attempt is kept with its scores and its rung;
the verdict takes the first attempt, in the order of the ladder, that passes every check. This stage
sees translation and checks, which do not see each other.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from mlc_data.checks.base import Check
from mlc_data.checks.scoring import build_checks, score_names, score_rows
from mlc_data.checks.shards import loaded_checks, spread_checks
from mlc_data.checks.stage import preflight, word_lists
from mlc_data.checks.tables import files, refuse_stale, scores_of
from mlc_data.checks.unknown import Unknown
from mlc_data.checks.verdicts import ATTEMPTS, attempts_schema, judge
from mlc_data.core import progress
from mlc_data.core.hashing import RowsHash, code_version, hash_value
from mlc_data.core.manifest import ModelRecord
from mlc_data.core.parquet import TableWriter
from mlc_data.core.records import FailureReason, Status
from mlc_data.pipeline.run import Outcome, Run, Staging, read_table
from mlc_data.pipeline.sharding import Shard, remembered
from mlc_data.pipeline.sharding.dispatch import planned
from mlc_data.pipeline.sharding.shard import Result
from mlc_data.recipe.recipe import Recipe
from mlc_data.rescue.strategies import Retry, Rung
from mlc_data.translate.cache.replica import lending, shard_cache
from mlc_data.translate.cached import Asker
from mlc_data.translate.engines.base import Translator, refuse_pairs
from mlc_data.translate.engines.loading import load_translator
from mlc_data.translate.engines.weights import with_cores

log = logging.getLogger(__name__)

AT_ONCE = 512
"""Variants that climb the ladder together."""

_ONLY_ANOTHER_MODEL = frozenset({Unknown.name})
"""What the same model cannot mend: it does not know the prompt's characters."""

_ONLY_A_SPLIT = frozenset({FailureReason.SEGMENT_TOO_LONG})


@dataclass
class Cost:
    """What a rung was tried with, what it saved, and what that took."""

    tried: int = 0
    saved: int = 0
    translated: int = 0
    seconds: float = 0.0

    def add(self, other: Cost) -> None:
        """Take that of another shard in."""
        self.tried += other.tried
        self.saved += other.saved
        self.translated += other.translated
        self.seconds += other.seconds


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
    """Write ``rescue/attempts.parquet``, a shard for each file of translations; returns whether the stage was
    reused.

    Raises:
        ModelError: a model is missing or cannot be loaded.
        UsageError: the translations have not been scored yet.
    """
    recipe = run.recipe
    translator, second = load_translator(recipe.translate), second_model(recipe)
    checks = build_checks(recipe, preflight(recipe))
    names = score_names(checks)

    def work(staging: Staging) -> Outcome:
        content, costs = RowsHash(), dict[str, Cost]()
        with TableWriter(staging.path(ATTEMPTS), attempts_schema(names)) as writer:
            for table, result in _climbed(run, staging, checks):
                writer.write(read_table(table, attempts_schema(names)))
                content.add(RowsHash.of_state(result["content"]))
                for rung, cost in result["costs"].items():
                    costs.setdefault(rung, Cost()).add(Cost(**cost))
        _tell(costs)
        return Outcome(
            content_hash={"attempts": content.hexdigest()},
            models={"second_translator": _record(second)} if second else {},
            notes={
                "rungs": {rung: _rounded(cost) for rung, cost in costs.items()},
                "ladder": hash_value(_without_thresholds(recipe, translator, second)),
            },
        )

    return run.stage("rescue", _key(run, translator, second), ("rescue",), work, force=force)


def _climbed(
    run: Run, staging: Staging, checks: Sequence[Check]
) -> Iterable[tuple[Path, dict[str, Any]]]:
    """The attempts of each file of translations; no files where the ladder has no rungs."""
    rungs = run.recipe.rescue.rungs
    if not rungs:
        return ()
    begun, weights = [0], list[int]()
    for file in files(run):
        counts = [(part.height, some) for part, some in _rejected(run, checks, file, begun[-1])]
        # A variant meets every rung, at most.
        weights.append(len(rungs) * sum(rejected for rejected, _ in counts))
        begun.append(begun[-1] + sum(scored for _, scored in counts))
    refuse_stale(run, begun[-1])
    return spread_checks(
        run,
        staging,
        checks,
        weights,
        ("rescuing", "attempts"),
        others=True,
        plan={"begun": begun},
        lend=lending(run.recipe.translate.cache),
    )


@dataclass(frozen=True)
class _Opened:
    """What all shards need."""

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
        shard.refuse_other(_key(run, translator, second))
        return cls(run, translator, second, build_checks(recipe, preflight(recipe)))


def rescue_shard(shard: Shard, path: Path, bar: progress.Bar) -> Result:
    """One shard of the stage: a file of translations. See `mlc_data.pipeline.sharding.do`."""
    opened = remembered(shard, lambda run: _Opened.of(shard, run))
    run, recipe = opened.run, opened.run.recipe
    begun = planned(shard)["begun"][shard.number]
    with ExitStack() as stack:

        def asker(translator: Translator) -> Asker:
            own = shard_cache(recipe.translate.cache, translator, shard.folder, shard.number)
            return Asker(translator, stack.enter_context(own))

        schema = attempts_schema(score_names(opened.checks))
        ladder = Ladder(
            retry=Retry(
                asker=asker(opened.translator),
                second=asker(opened.second) if opened.second else None,
                source=recipe.languages.source,
                settings=recipe.rescue,
                round_trip=recipe.translate.round_trip,
            ),
            rungs=[Rung(name) for name in recipe.rescue.rungs],
            checks=loaded_checks(shard, run, opened.checks),
            writer=stack.enter_context(TableWriter(path, schema)),
            bar=bar,
        )
        file = files(run)[shard.number]
        for part in _in_batches(one for one, _ in _rejected(run, opened.checks, file, begun)):
            ladder.climb(part)
    costs = {str(rung): asdict(cost) for rung, cost in ladder.costs.items()}
    return {"content": ladder.content.state(), "costs": costs}


def _key(run: Run, translator: Translator, second: Translator | None) -> dict[str, Any]:
    return {
        **_without_thresholds(run.recipe, translator, second),
        "translations": run.content_hash("translations"),
        "scores": run.content_hash("scores"),
        "thresholds": run.recipe.checks.model_dump(mode="json"),
    }


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


def _rejected(
    run: Run, checks: Sequence[Check], file: Path, begun: int
) -> Iterator[tuple[pl.DataFrame, int]]:
    """What is not kept of a file of translations, part by part, and how many of the part have scores."""
    for rows, scores in scores_of(run, score_names(checks), file, begun):
        judged = judge(rows, scores, checks)
        yield judged.filter(pl.col("status") != Status.KEPT), rows["failure"].null_count()


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


def _tell(costs: Mapping[str, Cost]) -> None:
    for rung, cost in costs.items():
        log.info(
            "rescue: %s saved %d of %d variants (%d sentences translated, %.1f s)",
            rung, cost.saved, cost.tried, cost.translated, cost.seconds,
        )  # fmt: skip
