"""Two stages: scores of every translation, then verdicts from scores.

Scores are written first and know no thresholds, so thresholds can be changed and variants decided
again without translating or scoring again.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

import polars as pl

from mlc_data import progress
from mlc_data.checks.base import Check
from mlc_data.checks.identifiers import LanguageIdentifier, load_identifiers
from mlc_data.checks.language_id import LanguageId
from mlc_data.checks.runner import build_checks, reasons, score_names, score_rows
from mlc_data.errors import MlcDataError
from mlc_data.hashing import code_version, hash_rows
from mlc_data.manifest import ModelRecord, VariantCounts
from mlc_data.recipe import Recipe
from mlc_data.records import KEYS, TRANSLATIONS, Status
from mlc_data.workspace import Outcome, Run, Staging, read_table, write_table

log = logging.getLogger(__name__)

SCORES = "scores/scores.parquet"
KEPT = "variants/variants.parquet"
ASIDE = "rejected/variants.parquet"

_CODE = ("checks", "languages.py", "language_table.py", "records.py")
_ROWS_AT_ONCE = 2000
_TEXTS = ("prompt_id", "language", "source", "text", "back_translation")
_FEW = 0.5


def scores_schema(names: Sequence[str]) -> dict[str, pl.DataType]:
    """``scores/scores.parquet``: one row a translation that did not fail; a column a score."""
    return {**KEYS, **dict.fromkeys(names, pl.Float64())}


def variants_schema(names: Sequence[str]) -> dict[str, pl.DataType]:
    """``variants/variants.parquet``: one row a kept variant, with all its scores."""
    texts = {name: TRANSLATIONS[name] for name in _TEXTS}
    return {**texts, **dict.fromkeys(names, pl.Float64())}


def rejected_schema(names: Sequence[str]) -> dict[str, pl.DataType]:
    """``rejected/variants.parquet``: one row a requested variant that was not kept.

    ``status`` is `records.Status`; ``reason`` is the first of ``reasons``: `VariantReason`, or
    `records.FailureReason` where the status is ``failed``, which is then in ``failure`` too. Scores
    of failed variants are null.
    """
    verdict = {
        "status": pl.String(),
        "reason": pl.String(),
        "reasons": pl.List(pl.String()),
        "failure": pl.String(),
    }
    texts = {name: TRANSLATIONS[name] for name in _TEXTS}
    return {**texts, **verdict, **dict.fromkeys(names, pl.Float64())}


def preflight(recipe: Recipe) -> tuple[LanguageIdentifier, ...]:
    """The recipe's language identifiers; none if it leaves language identification out.

    They are looked for, and loaded only when something is to be scored.

    Raises:
        ModelError: an identifier is missing, or is no such model.
    """
    return load_identifiers(recipe.checks.language_identifiers)


def score(run: Run, *, force: bool = False) -> bool:
    """Write ``scores/scores.parquet``; returns whether the stage was reused.

    Raises:
        ModelError: see `preflight`.
        UsageError: nothing has been translated yet.
    """
    recipe = run.recipe
    identifiers = preflight(recipe)
    checks = build_checks(recipe, identifiers)
    translations = run.content_hash("translations")

    def work(staging: Staging) -> Outcome:
        notes = _left_out(recipe, checks)
        for what in notes.values():
            log.warning("score: %s", what)
        table = _score_all(run, checks)
        write_table(table, staging.path(SCORES), scores_schema(score_names(checks)))
        log.info("score: %d variants, %d scores each", table.height, table.width - len(KEYS))
        return Outcome(
            content_hash={"scores": hash_rows(table.iter_rows(named=True))},
            models={"language_identifier": _record(identifiers)} if identifiers else {},
            notes={"scored": table.height, **notes},
        )

    key = {
        "translations": translations,
        "languages": recipe.languages.model_dump(mode="json"),
        "identifiers": [one.revision for one in identifiers],
        "round_trip": recipe.translate.round_trip,
        "code": code_version(*_CODE),
    }
    return run.stage("score", key, ("scores",), work, force=force)


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
        requested = _translations(run)
        scores = read_table(run.path(SCORES), scores_schema(names))
        table = judge(requested, scores, checks)
        kept = table.filter(pl.col("status") == Status.KEPT).select(list(variants_schema(names)))
        aside = table.filter(pl.col("status") != Status.KEPT).select(list(rejected_schema(names)))
        write_table(kept, staging.path(KEPT), variants_schema(names))
        write_table(aside, staging.path(ASIDE), rejected_schema(names))
        total = count(table)
        by_language = {
            code: count(table.filter(pl.col("language") == code))
            for code in recipe.languages.targets
        }
        _tell(total, by_language)
        rows = kept.select("prompt_id", "language", "text").iter_rows(named=True)
        return Outcome(
            counts={
                "variants": total.model_dump(),
                "by_language": {code: one.model_dump() for code, one in by_language.items()},
            },
            content_hash={"variants": hash_rows(rows)},
        )

    key = {
        "translations": run.content_hash("translations"),
        "scores": run.content_hash("scores"),
        "names": names,
        "thresholds": recipe.checks.model_dump(mode="json", exclude={"language_identifiers"}),
        "targets": recipe.languages.targets,
        "code": code_version(*_CODE),
    }
    return run.stage("check", key, ("variants", ASIDE), work, force=force)


def judge(requested: pl.DataFrame, scores: pl.DataFrame, checks: Sequence[Check]) -> pl.DataFrame:
    """Every requested variant with its scores, ``status``, ``reason`` and ``reasons``, in order.

    Args:
        requested: `records.TRANSLATIONS`, ``segments`` not needed.
        scores: `scores_schema`, a row for each requested variant that did not fail.
        checks: those that made the scores.

    Raises:
        MlcDataError: the scores are of other translations.
    """
    keys = list(KEYS)
    translated = requested.filter(pl.col("failure").is_null()).select(keys)
    if not translated.sort(keys).equals(scores.select(keys).sort(keys)):
        raise MlcDataError(
            "the scores are not those of the translations: run the score stage again"
        )
    verdicts = scores.with_columns(reasons=reasons(checks))
    failed = pl.col("failure").is_not_null()
    return (
        requested.join(verdicts, on=keys, how="left", validate="1:1", maintain_order="left")
        .with_columns(
            reasons=pl.when(failed).then(pl.concat_list("failure")).otherwise(pl.col("reasons"))
        )
        .with_columns(
            reason=pl.col("reasons").list.first(),
            status=pl.when(failed)
            .then(pl.lit(str(Status.FAILED)))
            .when(pl.col("reasons").list.len() > 0)
            .then(pl.lit(str(Status.REJECTED)))
            .otherwise(pl.lit(str(Status.KEPT))),
        )
    )


def count(table: pl.DataFrame) -> VariantCounts:
    """How many of the judged variants were kept, rejected and failed, by their first reason."""
    status, reason = table["status"].to_list(), table["reason"].to_list()
    found: Counter[tuple[str, str]] = Counter(zip(status, reason, strict=True))
    groups: dict[str, dict[str, int]] = {Status.REJECTED: {}, Status.FAILED: {}}
    for (group, why), number in sorted((key, n) for key, n in found.items() if key[1]):
        groups[group][why] = number
    return VariantCounts(
        requested=table.height,
        kept=status.count(Status.KEPT),
        rejected=groups[Status.REJECTED],
        failed=groups[Status.FAILED],
    )


def _score_all(run: Run, checks: Sequence[Check]) -> pl.DataFrame:
    parts = [score_rows(checks, pl.DataFrame(schema=TRANSLATIONS))]
    files = sorted(run.path("translations").glob("*.parquet"))
    total = sum(pl.scan_parquet(file).select(pl.len()).collect().item() for file in files)
    with progress.bar("scoring", total, "variants") as bar:
        for file in files:
            for rows in read_table(file, TRANSLATIONS).iter_slices(_ROWS_AT_ONCE):
                parts.append(score_rows(checks, rows.filter(pl.col("failure").is_null())))
                bar.advance(rows.height)
    return pl.concat(parts)


def _translations(run: Run) -> pl.DataFrame:
    """The translations without their segments, in order."""
    parts = [pl.DataFrame(schema=TRANSLATIONS).drop("segments")]
    for file in sorted(run.path("translations").glob("*.parquet")):
        parts.append(read_table(file, TRANSLATIONS).drop("segments"))
    return pl.concat(parts)


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


def _tell(total: VariantCounts, by_language: dict[str, VariantCounts]) -> None:
    log.info("check: %d variants kept of %d; rejected %s, failed %s", total.kept, total.requested,
             total.rejected or "none", total.failed or "none")  # fmt: skip
    for code, counts in by_language.items():
        if counts.kept < _FEW * counts.requested:
            why: dict[str, Any] = {**counts.rejected, **counts.failed}
            log.warning("check: only %d of %d variants in %s kept (%s)", counts.kept,
                        counts.requested, code, why)  # fmt: skip
