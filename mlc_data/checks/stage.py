"""Two stages: scores of every translation, then verdicts from scores.

Scores are written first and do not depend on thresholds, so a new threshold needs new verdicts but no new
translations or scores.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from mlc_data.checks.abstentions import Abstentions
from mlc_data.checks.base import Check
from mlc_data.checks.external.check import External
from mlc_data.checks.language_id import LanguageId
from mlc_data.checks.run_limits import LIMITS, abstaining, measure, with_run_limits
from mlc_data.checks.scoring import (
    build_checks,
    check_versions,
    score_names,
    score_rows,
    scored_by,
)
from mlc_data.checks.shards import dispatch_checks, loaded_checks
from mlc_data.checks.tables import (
    LIMITS_FILE,
    ROWS_AT_ONCE,
    SCORES,
    files,
    parts,
    refuse_stale,
    scores_of,
    translated,
)
from mlc_data.checks.verdicts import (
    ATTEMPTS,
    STALE_ATTEMPTS,
    VerdictCounts,
    attempts_schema,
    judge,
    passing,
    rejected_schema,
    rescued,
    scores_schema,
    variants_schema,
)
from mlc_data.checks.word_lists import WordList, load_word_lists
from mlc_data.core import progress
from mlc_data.core.hashing import RowsHash
from mlc_data.core.in_step import InStep
from mlc_data.core.manifest import ModelRecord, VariantCounts
from mlc_data.core.parquet import TableWriter, read_parts, read_table, scan_parquet
from mlc_data.core.records import KEYS, TRANSLATIONS, Status
from mlc_data.core.wording import in_words
from mlc_data.errors import MlcDataError
from mlc_data.language_id.base import LanguageIdentifier
from mlc_data.language_id.loading import load_identifiers
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.sharding import Shard, shard_state
from mlc_data.pipeline.sharding.shard import Result
from mlc_data.pipeline.stage import Stage, StageResult, is_done
from mlc_data.pipeline.staging import Staging
from mlc_data.recipe.recipe import Recipe

log = logging.getLogger(__name__)

KEPT = "variants/variants.parquet"
REJECTED = "rejected/variants.parquet"

_FEW = 0.5


def load_recipe_identifiers(recipe: Recipe) -> tuple[LanguageIdentifier, ...]:
    """Return the recipe's language identifiers; none if it leaves language identification out.

    They are located now, and loaded when something is scored.

    Raises:
        ModelError: an identifier is missing, or is not an identifier.
    """
    return load_identifiers(recipe.checks.language_identifiers)


def recipe_checks(recipe: Recipe) -> tuple[Check, ...]:
    """Return the recipe's checks.

    Raises:
        ModelError: an identifier is missing, or is not an identifier.
    """
    return build_checks(recipe, load_recipe_identifiers(recipe))


def decided_by(run: Run) -> Recipe:
    """Return the run's recipe with the limits that its checks take from the run, once they are measured."""
    path = run.path(LIMITS_FILE)
    return with_run_limits(run.recipe, read_table(path, LIMITS)) if path.is_file() else run.recipe


def word_lists(recipe: Recipe) -> tuple[WordList, ...]:
    """Return the lists of words that the recipe names for its languages.

    Raises:
        SourceError: one cannot be used, or the language of the prompts has none.
    """
    languages = recipe.languages
    return load_word_lists(recipe.checks.toxicity.words, languages.source, languages.targets)


class ScoreStage(Stage):
    """Score every translation: ``scores/scores.parquet``, a shard for each file of translations.

    Raises:
        ModelError: a language identifier is missing.
        UsageError: nothing has been translated yet.
    """

    name = "score"
    reads = ("translations",)
    writes: ClassVar = {"scores": "scores"}
    models = ("language_identifier",)
    content: ClassVar = {"scores/scores.parquet": "scores"}

    def preflight(self, run: Run) -> None:
        """Check that the language identifiers, the lists of words and external commands are there.

        Raises:
            ModelError: an identifier is missing, or is not an identifier.
            SourceError: a list of words cannot be used.
            UsageError: there is no such command.
        """
        word_lists(run.recipe)
        scorers = [each for each in recipe_checks(run.recipe) if isinstance(each, External)]
        # Stored scores are decided again wherever they are, also where no scorer is.
        if scorers and not is_done(run, self):
            for scorer in scorers:
                scorer.preflight()

    def key(self, run: Run) -> dict[str, Any]:
        """See `Stage.key`."""
        recipe = run.recipe
        checks = recipe_checks(recipe)
        return {
            "translations": run.content_hash("translations"),
            "languages": recipe.languages.model_dump(mode="json"),
            "round_trip": recipe.translate.round_trip,
            "checks": check_versions(checks),
            "scored_by": scored_by(checks),
        }

    def work(self, run: Run, staging: Staging) -> StageResult:
        """See `Stage.work`."""
        recipe = run.recipe
        identifiers = load_recipe_identifiers(recipe)
        checks = build_checks(recipe, identifiers)
        notes = left_out(recipe, checks)
        for note in notes.values():
            log.warning("score: %s", note)
        names = score_names(checks)
        rows = [scan_parquet(file).select(pl.len()).collect().item() for file in files(run)]
        content, scored, abstentions = RowsHash(), 0, Abstentions(checks)
        limits = measure(checks, lambda: map(translated, parts(run)))
        with TableWriter(staging.path(LIMITS_FILE), LIMITS) as writer:
            writer.write(limits)
        for row in limits.iter_rows():
            content.add_row(row)
        for note in (said := abstaining(limits)):
            log.info("score: %s", note)
        with TableWriter(staging.path(SCORES), scores_schema(names)) as writer:
            shards = dispatch_checks(
                self, run, staging, checks, weights=rows, label=("scoring", "variants")
            )
            for table, result in shards:
                part = read_table(table, scores_schema(names))
                writer.write(part)
                content.add(RowsHash.of_state(result["content"]))
                scored += part.height
                abstentions.add(part)
        log.info("score: %d variants, %d scores each", scored, len(names))
        abstained = abstentions.notes()
        for note in abstained.values():
            log.warning("score: %s", note)
        return StageResult(
            content_hash={"scores": content.hexdigest()},
            models={"language_identifier": _record(identifiers)} if identifiers else {},
            notes={"scored": scored, **notes, **abstained, **({"limits": said} if said else {})},
        )

    def shard(self, shard: Shard, path: Path, bar: progress.Bar) -> Result:
        """Score a file of translations."""

        def open_run(run: Run) -> tuple[Run, tuple[Check, ...]]:
            shard.check_key(self.digest(run))
            return run, recipe_checks(run.recipe)

        run, checks = shard_state(shard, open_run)
        ready = loaded_checks(shard, run, checks)
        content = RowsHash()
        with TableWriter(path, scores_schema(score_names(checks))) as writer:
            table = read_table(files(run)[shard.number], TRANSLATIONS)
            for rows in table.iter_slices(ROWS_AT_ONCE):
                part = score_rows(ready, translated(rows))
                writer.write(part)
                for row in part.iter_rows():
                    content.add_row(row)
                bar.advance(rows.height)
        return {"content": content.state()}


class CheckStage(Stage):
    """Decide from scores which variants are kept: every requested variant is kept, rejected or failed.

    Raises:
        ModelError: a language identifier is missing.
        UsageError: the translations have not been scored yet.
    """

    name = "check"
    command = "check"
    help = "Score every translation and decide which are kept."
    reads = ("translations", "scores/scores.parquet", "rescue/attempts.parquet")
    writes: ClassVar = {"variants": "variants", REJECTED: "rejected variants"}
    content: ClassVar = {KEPT: "variants"}
    counts = ("variants", "by_language")

    def key(self, run: Run) -> dict[str, Any]:
        """See `Stage.key`."""
        recipe = run.recipe
        checks = recipe_checks(recipe)
        return {
            "translations": run.content_hash("translations"),
            "scores": run.content_hash("scores"),
            "attempts": run.manifest.content_hash.attempts,
            "names": score_names(checks),
            "thresholds": recipe.checks.model_dump(mode="json", exclude={"language_identifiers"}),
            "targets": recipe.languages.targets,
            "checks": check_versions(checks),
        }

    def work(self, run: Run, staging: Staging) -> StageResult:
        """See `Stage.work`."""
        checks = recipe_checks(decided_by(run))
        names = score_names(checks)
        counts = VerdictCounts(run.recipe.languages.targets)
        with (
            TableWriter(staging.path(KEPT), variants_schema(names)) as kept,
            TableWriter(staging.path(REJECTED), rejected_schema(names)) as rejected,
        ):
            for table in decide(run, checks):
                good = pl.col("status") == Status.KEPT
                kept.write(table.filter(good).select(list(variants_schema(names))))
                rejected.write(table.filter(~good).select(list(rejected_schema(names))))
                counts.add(table)
        _report(counts.total, counts.by_language)
        return StageResult(
            counts={
                "variants": counts.total.model_dump(),
                "by_language": {
                    code: each.model_dump() for code, each in counts.by_language.items()
                },
            },
            content_hash={"variants": counts.content.hexdigest()},
            notes={"rungs": dict(sorted(counts.rungs.items()))},
        )


def decide(run: Run, checks: Sequence[Check]) -> Iterator[pl.DataFrame]:
    """Yield the verdicts of all requested variants, part by part, from stored scores and attempts."""
    names = score_names(checks)
    schema = attempts_schema(names)
    del schema["segments"]
    attempts = InStep(_passed(run, checks, schema), pl.DataFrame(schema=schema))
    begun = 0
    for file in files(run):
        # Attempts are in the order of the files; within one, a strategy at a time.
        prompts = scan_parquet(file).select(pl.col("prompt_id").unique()).collect()["prompt_id"]
        saved = attempts.of(prompts).unique(list(KEYS), keep="first", maintain_order=True)
        for requested, scores in scores_of(run, names, file, begun):
            yield rescued(judge(requested, scores, checks), saved, names)
            begun += scores.height
    refuse_stale(run, begun)
    if any(part.height for part in attempts.rest()):
        raise MlcDataError(STALE_ATTEMPTS)


def _passed(
    run: Run, checks: Sequence[Check], schema: Mapping[str, pl.DataType]
) -> Iterator[pl.DataFrame]:
    """Yield the attempts that pass every check, in order; none without rescue."""
    if run.manifest.content_hash.attempts is not None:
        for part in read_parts(run.path(ATTEMPTS), schema, ROWS_AT_ONCE):
            yield passing(part, checks)


def left_out(recipe: Recipe, checks: Sequence[Check]) -> dict[str, str]:
    """Return what is not judged, and why."""
    notes = {}
    identification = next((check for check in checks if isinstance(check, LanguageId)), None)
    if identification is None:
        notes["language_id"] = "left out: checks.language_identifiers is empty"
    elif note := unidentified(identification):
        notes["language_id"] = note
    if not recipe.translate.round_trip:
        notes["round_trip"] = "left out: translate.round_trip is false"
    elif recipe.translate.imported is not None and not recipe.translate.has_engine:
        notes["round_trip"] = "not judged where the imported file has no back-translation"
    listed = {words.language for words in word_lists(recipe)}
    if listed and (unlisted := [code for code in recipe.languages.targets if code not in listed]):
        notes["toxicity"] = f"not judged, no list in checks.toxicity.words: {', '.join(unlisted)}"
    return {name: f"{name}: {what}" for name, what in notes.items()}


def unidentified(check: LanguageId) -> str:
    """Return in words the languages that the recipe's identifiers cannot recognise; empty if there are none."""
    names = " and ".join(each.id for each in check.identifiers)
    notes = [
        f"{names}: {what} {', '.join(codes)}, so {then}"
        for what, codes, then in (
            ("no knowledge of", check.unknown, "no variant is rejected for its language there"),
            ("hardly reliable in", check.weak, "few wrong ones are found there"),
        )
        if codes
    ]
    return "; ".join(notes)


def _record(identifiers: Sequence[LanguageIdentifier]) -> ModelRecord:
    """Return one record for all identifiers."""
    return ModelRecord(
        id=" + ".join(each.id for each in identifiers),
        revision=" + ".join(each.revision for each in identifiers),
        licence=" AND ".join(dict.fromkeys(each.licence for each in identifiers)),
    )


def _report(total: VariantCounts, by_language: Mapping[str, VariantCounts]) -> None:
    log.info("check: %d variants kept of %d; rejected %s, failed %s", total.kept, total.requested,
             in_words(total.rejected), in_words(total.failed))  # fmt: skip
    for code, counts in by_language.items():
        if counts.kept < _FEW * counts.requested:
            why = in_words({**counts.rejected, **counts.failed})
            log.warning("check: only %d of %d variants in %s kept (%s)", counts.kept,
                        counts.requested, code, why)  # fmt: skip
