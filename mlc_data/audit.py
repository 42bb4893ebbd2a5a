"""Audit: every check of a recipe on translations that exist already, without a run."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from mlc_data.checks.base import Check
from mlc_data.checks.run_limits import abstaining, measure, with_run_limits
from mlc_data.checks.scoring import build_checks, prepare, reasons, score_names, score_rows
from mlc_data.checks.stage import left_out, load_recipe_identifiers
from mlc_data.checks.tables import ROWS_AT_ONCE
from mlc_data.core import progress
from mlc_data.core.files import atomic_file
from mlc_data.core.hashing import prompt_id
from mlc_data.core.parquet import TableWriter
from mlc_data.core.records import Status
from mlc_data.errors import UsageError
from mlc_data.recipe.imported import Import
from mlc_data.recipe.recipe import Recipe
from mlc_data.sources.variants import VariantFile, checkable, read_variants

FILE = "audit.parquet"


def audit_schema(names: Sequence[str]) -> dict[str, pl.DataType]:
    """Return the schema of ``audit.parquet``: a row for each variant of the file, in its order.

    ``row`` counts the file's rows from 1; ``language`` is null where the row does not say. ``status`` is
    `records.Status`; ``reasons`` names every check that the variant does not pass, or the one reason
    (`records.ImportReason`, `records.PromptReason`) why it ``failed``, which ``detail`` explains.
    Scores are null of failed variants, and where a check abstains.
    """
    verdict = {
        "row": pl.Int64(),
        "language": pl.String(),
        "status": pl.String(),
        "reasons": pl.List(pl.String()),
        "detail": pl.String(),
    }
    return {**verdict, **dict.fromkeys(names, pl.Float64())}


@dataclass
class LanguageCounts:
    """Variants of one language by status, and by reason; a variant counts under each of its reasons."""

    read: int = 0
    kept: int = 0
    rejected: int = 0
    failed: int = 0
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, other: LanguageCounts) -> None:
        """Add the counts of other variants."""
        self.read += other.read
        self.kept += other.kept
        self.rejected += other.rejected
        self.failed += other.failed
        self.reasons += other.reasons

    def as_dict(self) -> dict[str, Any]:
        """Return the counts, JSON-able."""
        return {**vars(self), "reasons": dict(sorted(self.reasons.items()))}


@dataclass(frozen=True)
class Audit:
    """Result of an audit.

    Attributes:
        table: the file with the verdicts, see `audit_schema`.
        rows: number of the audited file's rows.
        by_language: counts by FLORES-200 code; under None those of rows that do not say.
        checks: names of the checks, in the order of reasons.
        notes: what was not judged, by check.
    """

    table: Path
    rows: int
    by_language: Mapping[str | None, LanguageCounts]
    checks: tuple[str, ...]
    notes: Mapping[str, str]

    @property
    def total(self) -> LanguageCounts:
        """Counts over all languages: read = kept + rejected + failed."""
        total = LanguageCounts()
        for counts in self.by_language.values():
            total.add(counts)
        return total

    def as_dict(self) -> dict[str, Any]:
        """Return the figures, JSON-able."""
        languages = {code or "": each.as_dict() for code, each in self.by_language.items()}
        return {
            "table": str(self.table),
            "rows": self.rows,
            **self.total.as_dict(),
            "by_language": languages,
            "notes": dict(self.notes),
        }


def audit(settings: Import, recipe: Recipe, folder: Path, option: str | None = None) -> Audit:
    """Check every variant of a file and write the verdicts to ``audit.parquet``.

    Args:
        settings: the file and its layout.
        recipe: its checks and the language of the prompts are used, and nothing else.
        folder: where the table goes; made if it does not exist.
        option: see `read_variants`.

    Raises:
        SourceError: the file cannot be used.
        ModelError: a language identifier is missing.
        UsageError: the folder cannot be made.
    """
    file = read_variants(settings, recipe.languages.source, "FILE", option)
    recipe = _recipe_for(file, settings, recipe)
    identifiers = load_recipe_identifiers(recipe)
    checks = build_checks(recipe, identifiers)
    _make(folder)
    notes = {name: note for name, note in left_out(recipe, checks).items() if name != "round_trip"}
    notes |= _without_back(file)
    rows = _checkable(file)
    usable = rows.filter(pl.col("failure").is_null())
    ready = prepare(checks, lambda: usable.iter_slices(ROWS_AT_ONCE))
    limits = measure(ready, lambda: usable.iter_slices(ROWS_AT_ONCE))
    if said := abstaining(limits):
        notes["limits"] = "; ".join(said)
    decided = build_checks(with_run_limits(recipe, limits), identifiers)
    by_language: dict[str | None, LanguageCounts] = {
        code: LanguageCounts() for code in file.languages
    }
    names = score_names(checks)
    with atomic_file(folder / FILE) as path, TableWriter(path, audit_schema(names)) as writer:
        for part in _judged(rows, ready, decided):
            writer.write(part.select(list(audit_schema(names))))
            _count(by_language, part)
    check_names = tuple(check.name for check in checks)
    return Audit(folder / FILE, file.read, by_language, check_names, notes)


def _recipe_for(file: VariantFile, settings: Import, recipe: Recipe) -> Recipe:
    """Return the recipe with the file's languages, and its variants in the engine's place."""
    back = file.rows["back_translation"].null_count() < file.rows.height
    engine = {"model": None, "models": None, "imported": settings, "round_trip": back}
    languages = recipe.languages.model_copy(update={"targets": file.languages})
    translate = recipe.translate.model_copy(update=engine)
    return recipe.model_copy(update={"languages": languages, "translate": translate})


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out: cannot make the folder {folder}: {error.strerror}") from error
    if not os.access(folder, os.W_OK):
        raise UsageError(f"--out: cannot write into {folder}")


def _without_back(file: VariantFile) -> dict[str, str]:
    """Return a note on the round trip, where variants have no back-translation."""
    usable = file.rows.filter(pl.col("failure").is_null())
    without = usable["back_translation"].null_count()
    if not without:
        return {}
    what = f"{without} of {usable.height} variants have no back-translation"
    return {"round_trip": f"round_trip: not judged, {what}"}


def _checkable(file: VariantFile) -> pl.DataFrame:
    """Return all variants as checks read them, with the ids of their prompts, in order."""
    texts = file.rows["source"].unique().drop_nulls()
    ids = pl.DataFrame(
        {"source": texts, "prompt_id": [prompt_id(text) for text in texts]},
        schema={"source": pl.String, "prompt_id": pl.String},
    )
    return checkable(file.rows.join(ids, on="source", how="left", maintain_order="left"))


def _judged(
    rows: pl.DataFrame, ready: Sequence[Check], decided: Sequence[Check]
) -> Iterator[pl.DataFrame]:
    """Yield all variants with ``status``, ``reasons`` and their scores, part by part, in order.

    Args:
        rows: see `_checkable`.
        ready: the checks that score.
        decided: the same checks with the limits that they compare with.
    """
    with progress.bar("checking", rows.height, "variants") as bar:
        for part in rows.iter_slices(ROWS_AT_ONCE):
            yield _verdicts(part, ready, decided)
            bar.advance(part.height)


def _verdicts(part: pl.DataFrame, ready: Sequence[Check], decided: Sequence[Check]) -> pl.DataFrame:
    part = part.with_row_index("place")
    usable = part.filter(pl.col("failure").is_null())
    scores = score_rows(ready, usable).with_columns(reasons(decided).alias("reasons"))
    scores = scores.with_columns(usable["place"]).drop("prompt_id", "language")
    failed = pl.col("failure").is_not_null()
    status = (
        pl.when(failed)
        .then(pl.lit(str(Status.FAILED)))
        .when(pl.col("reasons").list.len() > 0)
        .then(pl.lit(str(Status.REJECTED)))
        .otherwise(pl.lit(str(Status.KEPT)))
    )
    every = pl.when(failed).then(pl.concat_list("failure")).otherwise("reasons")
    return part.join(scores, on="place", how="left", maintain_order="left").with_columns(
        status=status, reasons=every
    )


def _count(by_language: dict[str | None, LanguageCounts], part: pl.DataFrame) -> None:
    for language, status, number in part.group_by("language", "status").len().iter_rows():
        one = {"read": number, str(status): number}
        by_language.setdefault(language, LanguageCounts()).add(LanguageCounts(**one))
    named = part.select("language", "reasons").explode("reasons").drop_nulls("reasons")
    for language, reason, number in named.group_by("language", "reasons").len().iter_rows():
        by_language[language].reasons[reason] += number
