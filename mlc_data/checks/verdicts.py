"""Verdicts from scores: the tables of kept and rejected variants, and their counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from mlc_data.checks.base import Check
from mlc_data.checks.scoring import reasons
from mlc_data.core.hashing import RowsHash
from mlc_data.core.manifest import VariantCounts
from mlc_data.core.records import KEYS, TRANSLATIONS, Status
from mlc_data.errors import MlcDataError

STALE = "the scores do not belong to the translations: run the score stage again"
STALE_ATTEMPTS = "the rescue attempts do not belong to the translations: run the rescue stage again"

ATTEMPTS = "rescue/attempts.parquet"
"""File of the variants that were translated again, see `attempts_schema`."""

FIRST = "first"
"""Value of ``rung`` for a variant that was not translated again."""

_TEXTS = ("prompt_id", "language", "source", "text", "back_translation")


def scores_schema(names: Sequence[str]) -> dict[str, pl.DataType]:
    """Return the schema of ``scores/scores.parquet``: a row for each translation that did not fail, and a
    column for each score."""
    return {**KEYS, **dict.fromkeys(names, pl.Float64())}


def variants_schema(names: Sequence[str]) -> dict[str, pl.DataType]:
    """Return the schema of ``variants/variants.parquet``: a row for each kept variant, with all its scores.

    ``rung`` is ``first``, or the rescue strategy that its text came from.
    """
    texts = {name: TRANSLATIONS[name] for name in _TEXTS}
    return {**texts, "rung": pl.String(), **dict.fromkeys(names, pl.Float64())}


def attempts_schema(names: Sequence[str]) -> dict[str, pl.DataType]:
    """Return the schema of ``rescue/attempts.parquet``: a row for each attempt, in the order of the rescue
    strategies; scores of an attempt that failed are null."""
    return {**TRANSLATIONS, "rung": pl.String(), **dict.fromkeys(names, pl.Float64())}


def rejected_schema(names: Sequence[str]) -> dict[str, pl.DataType]:
    """Return the schema of ``rejected/variants.parquet``: a row for each requested variant not kept.

    ``status`` is `records.Status`; ``reason`` is the first of ``reasons``: names of checks, or
    `records.FailureReason` where the status is ``failed``, which is then in ``failure`` too. Scores
    of failed variants are null. Its text is that of the first translation (``rung`` ``first``); other
    attempts are in ``rescue/``.
    """
    verdict = {
        "rung": pl.String(),
        "status": pl.String(),
        "reason": pl.String(),
        "reasons": pl.List(pl.String()),
        "failure": pl.String(),
    }
    texts = {name: TRANSLATIONS[name] for name in _TEXTS}
    return {**texts, **verdict, **dict.fromkeys(names, pl.Float64())}


def judge(requested: pl.DataFrame, scores: pl.DataFrame, checks: Sequence[Check]) -> pl.DataFrame:
    """Return every requested variant with its scores, ``status``, ``reason`` and ``reasons``, in order.

    Args:
        requested: `records.TRANSLATIONS`, ``segments`` not needed.
        scores: `scores_schema`, a row for each requested variant that did not fail.
        checks: the checks that made the scores.

    Raises:
        MlcDataError: the scores belong to other translations.
    """
    keys = list(KEYS)
    translated = requested.filter(pl.col("failure").is_null()).select(keys)
    if not translated.sort(keys).equals(scores.select(keys).sort(keys)):
        raise MlcDataError(STALE)
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


def passing(attempts: pl.DataFrame, checks: Sequence[Check]) -> pl.DataFrame:
    """Return the attempts (`attempts_schema`, without ``segments``) that pass every check."""
    good = pl.col("failure").is_null() & (reasons(checks).list.len() == 0)
    return attempts.filter(good)


def rescued(judged: pl.DataFrame, saved: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """Return the rows of `judge`, with variants that were not kept replaced by attempts that pass.

    Args:
        judged: see `judge`.
        saved: the attempts that pass, at most one for each variant.
        names: names of the scores.

    Returns:
        The same rows and columns, and ``rung``.
    """
    keys, taken = list(KEYS), ("text", "back_translation", "rung", *names)
    new = saved.select(*keys, *(pl.col(name).alias(f"new_{name}") for name in taken))
    rows = judged.join(new, on=keys, how="left", validate="m:1", maintain_order="left")
    better = (pl.col("status") != Status.KEPT) & pl.col("new_rung").is_not_null()
    replaced = [
        pl.when(better).then(pl.col(f"new_{name}")).otherwise(pl.col(name)).alias(name)
        for name in taken
        if name != "rung"
    ]
    return rows.with_columns(
        *replaced,
        rung=pl.when(better).then(pl.col("new_rung")).otherwise(pl.lit(FIRST)),
        status=pl.when(better).then(pl.lit(str(Status.KEPT))).otherwise(pl.col("status")),
        reasons=pl.when(better).then(pl.lit([], pl.List(pl.String))).otherwise(pl.col("reasons")),
        reason=pl.when(~better).then(pl.col("reason")),
        failure=pl.when(~better).then(pl.col("failure")),
    ).drop([f"new_{name}" for name in taken])


@dataclass
class VerdictCounts:
    """Counts and content hash of variants with verdicts, added part by part."""

    targets: Sequence[str]
    content: RowsHash = field(default_factory=RowsHash)
    counts: Counter[tuple[str, str, str | None]] = field(default_factory=Counter)
    """Variants by language, status and reason."""
    rungs: Counter[str] = field(default_factory=Counter)

    def add(self, table: pl.DataFrame) -> None:
        """Add a part of what `rescued` returns."""
        groups = table.group_by("language", "status", "reason").len()
        for language, status, reason, number in groups.iter_rows():
            self.counts[language, status, reason] += number
        kept = table.filter(pl.col("status") == Status.KEPT)
        for row in kept.select("prompt_id", "language", "text").iter_rows():
            self.content.add_row(row)
        self.rungs.update(kept["rung"].to_list())

    @property
    def total(self) -> VariantCounts:
        """Counts over all languages."""
        return self._counts(self.counts)

    @property
    def by_language(self) -> dict[str, VariantCounts]:
        """Counts of each target language, including languages without variants."""
        return {
            code: self._counts({key: n for key, n in self.counts.items() if key[0] == code})
            for code in self.targets
        }

    @staticmethod
    def _counts(counts: Mapping[tuple[str, str, str | None], int]) -> VariantCounts:
        """Return counts in which a variant counts under its first reason."""
        reasons: dict[str, Counter[str]] = {status: Counter() for status in Status}
        for (_, status, reason), number in counts.items():
            reasons[status][reason or ""] += number
        return VariantCounts(
            requested=sum(counts.values()),
            kept=reasons[Status.KEPT].total(),
            rejected=dict(sorted(reasons[Status.REJECTED].items())),
            failed=dict(sorted(reasons[Status.FAILED].items())),
        )
