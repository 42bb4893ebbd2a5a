"""Two stages: scores of every translation, then verdicts from scores.

Scores are written first and know no thresholds, so thresholds can be changed and variants decided
again without translating or scoring again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from mlc_data.checks.base import Check
from mlc_data.checks.language_id import LanguageId
from mlc_data.checks.scoring import build_checks, score_names, score_rows
from mlc_data.checks.shards import loaded_checks, spread_checks
from mlc_data.checks.tables import ROWS_AT_ONCE, SCORES, files, translated, with_scores
from mlc_data.checks.verdicts import (
    ATTEMPTS,
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
from mlc_data.core.hashing import RowsHash, code_version
from mlc_data.core.manifest import ModelRecord, VariantCounts
from mlc_data.core.parquet import TableWriter
from mlc_data.core.records import KEYS, TRANSLATIONS, Status
from mlc_data.language_id.base import LanguageIdentifier
from mlc_data.language_id.loading import load_identifiers
from mlc_data.pipeline.run import Outcome, Run, Staging, read_table, with_schema
from mlc_data.pipeline.sharding import Shard, remembered
from mlc_data.pipeline.sharding.shard import Result
from mlc_data.recipe.recipe import Recipe

log = logging.getLogger(__name__)

KEPT = "variants/variants.parquet"
ASIDE = "rejected/variants.parquet"

_CODE = ("checks", "refusals", "languages.py", "language_table.py", "records.py")
_FEW = 0.5


def preflight(recipe: Recipe) -> tuple[LanguageIdentifier, ...]:
    """The recipe's language identifiers; none if it leaves language identification out.

    They are looked for, and loaded only when something is to be scored. Lists of words are read.

    Raises:
        ModelError: an identifier is missing, or is no such model.
        SourceError: a list of words cannot be used.
    """
    word_lists(recipe)
    return load_identifiers(recipe.checks.language_identifiers)


def word_lists(recipe: Recipe) -> tuple[WordList, ...]:
    """The lists of words that the recipe names for its languages.

    Raises:
        SourceError: one cannot be used, or the language of the prompts has none.
    """
    languages = recipe.languages
    return load_word_lists(recipe.checks.toxicity.words, languages.source, languages.targets)


def score(run: Run, *, force: bool = False) -> bool:
    """Write ``scores/scores.parquet``, a shard for each file of translations; returns whether the stage was
    reused.

    Raises:
        ModelError: see `preflight`.
        UsageError: nothing has been translated yet.
    """
    recipe = run.recipe
    identifiers = preflight(recipe)
    checks = build_checks(recipe, identifiers)

    def work(staging: Staging) -> Outcome:
        notes = _left_out(recipe, checks)
        for what in notes.values():
            log.warning("score: %s", what)
        names = score_names(checks)
        rows = [pl.scan_parquet(file).select(pl.len()).collect().item() for file in files(run)]
        content, scored = RowsHash(), 0
        with TableWriter(staging.path(SCORES), scores_schema(names)) as writer:
            for table, result in spread_checks(run, staging, checks, rows, ("scoring", "variants")):
                part = read_table(table, scores_schema(names))
                writer.write(part)
                content.add(RowsHash.of_state(result["content"]))
                scored += part.height
        log.info("score: %d variants, %d scores each", scored, len(names))
        return Outcome(
            content_hash={"scores": content.hexdigest()},
            models={"language_identifier": _record(identifiers)} if identifiers else {},
            notes={"scored": scored, **notes},
        )

    return run.stage("score", _score_key(run), ("scores",), work, force=force)


def score_shard(shard: Shard, path: Path, bar: progress.Bar) -> Result:
    """One shard of the stage `score`: a file of translations. See `mlc_data.pipeline.sharding.do`."""

    def open_run(run: Run) -> tuple[Run, tuple[Check, ...]]:
        shard.refuse_other(_score_key(run))
        return run, build_checks(run.recipe, preflight(run.recipe))

    run, checks = remembered(shard, open_run)
    able = loaded_checks(shard, run, checks)
    content = RowsHash()
    with TableWriter(path, scores_schema(score_names(checks))) as writer:
        for rows in read_table(files(run)[shard.number], TRANSLATIONS).iter_slices(ROWS_AT_ONCE):
            part = score_rows(able, translated(rows))
            writer.write(part)
            for row in part.iter_rows():
                content.add_row(row)
            bar.advance(rows.height)
    return {"content": content.state()}


def _score_key(run: Run) -> dict[str, Any]:
    recipe = run.recipe
    return {
        "translations": run.content_hash("translations"),
        "languages": recipe.languages.model_dump(mode="json"),
        "identifiers": [one.revision for one in preflight(recipe)],
        "round_trip": recipe.translate.round_trip,
        "words": {one.language: one.hash for one in word_lists(recipe)},
        "code": code_version(*_CODE),
    }


def decide(run: Run, *, force: bool = False) -> bool:
    """Write ``variants/`` and ``rejected/variants.parquet``; returns whether the stage was reused.

    Every requested variant is in exactly one of the two.

    Raises:
        ModelError: see `preflight`.
        UsageError: the translations have not been scored yet.
    """
    recipe = run.recipe
    checks = build_checks(recipe, preflight(recipe))
    names = score_names(checks)

    def work(staging: Staging) -> Outcome:
        judged = VerdictCounts(recipe.languages.targets)
        saved = _saved(run, checks)
        with (
            TableWriter(staging.path(KEPT), variants_schema(names)) as kept,
            TableWriter(staging.path(ASIDE), rejected_schema(names)) as aside,
        ):
            for requested, scores in with_scores(run, names):
                table = rescued(judge(requested, scores, checks), saved, names)
                good = pl.col("status") == Status.KEPT
                kept.write(table.filter(good).select(list(variants_schema(names))))
                aside.write(table.filter(~good).select(list(rejected_schema(names))))
                judged.add(table)
        _tell(judged.total, judged.by_language)
        return Outcome(
            counts={
                "variants": judged.total.model_dump(),
                "by_language": {c: one.model_dump() for c, one in judged.by_language.items()},
            },
            content_hash={"variants": judged.content.hexdigest()},
            notes={"rungs": dict(sorted(judged.rungs.items()))},
        )

    key = {
        "translations": run.content_hash("translations"),
        "scores": run.content_hash("scores"),
        "attempts": run.manifest.content_hash.attempts,
        "names": names,
        "thresholds": recipe.checks.model_dump(mode="json", exclude={"language_identifiers"}),
        "targets": recipe.languages.targets,
        "code": code_version(*_CODE),
    }
    return run.stage("check", key, ("variants", ASIDE), work, force=force)


def _saved(run: Run, checks: Sequence[Check]) -> pl.DataFrame:
    """Of the attempts at each variant the first that passes every check; none without a ladder."""
    names = score_names(checks)
    found = [pl.DataFrame(schema=attempts_schema(names)).drop("segments")]
    if run.manifest.content_hash.attempts is not None:
        path = run.path(ATTEMPTS)
        with_schema(pl.read_parquet(path, n_rows=0), attempts_schema(names), str(path))
        attempts = pl.scan_parquet(path).drop("segments").collect_batches(chunk_size=ROWS_AT_ONCE)
        found += [passing(part, checks) for part in attempts]
    return pl.concat(found).unique(list(KEYS), keep="first", maintain_order=True)


def _left_out(recipe: Recipe, checks: Sequence[Check]) -> dict[str, str]:
    """What is not judged, and why."""
    notes = {}
    identification = next((check for check in checks if isinstance(check, LanguageId)), None)
    if identification is None:
        notes["language_id"] = "left out: checks.language_identifiers is empty"
    elif told := unidentified(identification):
        notes["language_id"] = told
    if not recipe.translate.round_trip:
        notes["round_trip"] = "left out: translate.round_trip is false"
    listed = {one.language for one in word_lists(recipe)}
    if listed and (unlisted := [code for code in recipe.languages.targets if code not in listed]):
        notes["toxicity"] = f"not judged, no list in checks.toxicity.words: {', '.join(unlisted)}"
    return {name: f"{name}: {what}" for name, what in notes.items()}


def unidentified(check: LanguageId) -> str:
    """Where the language of a variant cannot be told with the recipe's identifiers, in words; empty if
    everywhere it can."""
    names = " and ".join(one.id for one in check.identifiers)
    told = [
        f"{names}: {what} {', '.join(codes)}, so {then}"
        for what, codes, then in (
            ("no knowledge of", check.unknown, "no variant is rejected for its language there"),
            ("hardly reliable in", check.weak, "few wrong ones are found there"),
        )
        if codes
    ]
    return "; ".join(told)


def _record(identifiers: Sequence[LanguageIdentifier]) -> ModelRecord:
    """All of them as one model."""
    return ModelRecord(
        id=" + ".join(one.id for one in identifiers),
        revision=" + ".join(one.revision for one in identifiers),
        licence=" AND ".join(dict.fromkeys(one.licence for one in identifiers)),
    )


def _tell(total: VariantCounts, by_language: Mapping[str, VariantCounts]) -> None:
    log.info("check: %d variants kept of %d; rejected %s, failed %s", total.kept, total.requested,
             total.rejected or "none", total.failed or "none")  # fmt: skip
    for code, counts in by_language.items():
        if counts.kept < _FEW * counts.requested:
            why = {**counts.rejected, **counts.failed}
            log.warning("check: only %d of %d variants in %s kept (%s)", counts.kept,
                        counts.requested, code, why)  # fmt: skip
