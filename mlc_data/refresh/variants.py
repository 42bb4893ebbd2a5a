"""New, removed and changed variants, and flipped verdicts, by language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from mlc_data.core.records import Status
from mlc_data.refresh.record import VARIANT_CHANGES, Change, SetDiff, VariantDiff

_KEYS = ("prompt_id", "language")
_COMPARED = ("source", "status", "reason", "text")
_SCHEMA = {name: pl.String() for name in (*_KEYS, *_COMPARED)}


def requested(folder: Path) -> pl.LazyFrame:
    """Return every requested variant of a run's folder or a snapshot, kept or not."""
    kept = pl.scan_parquet(folder / "variants" / "variants.parquet").with_columns(
        status=pl.lit(str(Status.KEPT)), reason=pl.lit(None, pl.String)
    )
    rejected = pl.scan_parquet(folder / "rejected" / "variants.parquet")
    return pl.concat([part.select(list(_SCHEMA)) for part in (kept, rejected)])


def compare_variants(
    before: pl.LazyFrame | None, after: pl.LazyFrame, replaced: Mapping[str, str]
) -> tuple[pl.DataFrame, dict[str, VariantDiff]]:
    """Compare the requested variants before and now.

    Args:
        before: see `requested`; None if there was nothing.
        after: see `requested`.
        replaced: id before to id now, for prompts whose text was changed.

    Returns:
        `VARIANT_CHANGES`, and counts by language for every language that has a variant.
    """
    joined = _joined(before, after, replaced)
    counted = (
        joined.group_by("language").agg(**_FIGURES).sort("language").collect(engine="streaming")
    )
    by_language = {row.pop("language"): VariantDiff(**row) for row in counted.iter_rows(named=True)}
    changes = (
        joined.filter(pl.col("change").is_not_null())
        .select(list(VARIANT_CHANGES))
        .sort("language", "change", "prompt_id", "prompt_id_before", nulls_last=True)
        .collect(engine="streaming")
    )
    return changes, by_language


def total(by_language: Mapping[str, VariantDiff]) -> VariantDiff:
    """Return the counts over all languages."""
    rows = [counts.model_dump() for counts in by_language.values()]
    return VariantDiff(
        **{name: sum(row[name] for row in rows) for name in VariantDiff.model_fields}
    )


def compare_sets(
    before: pl.DataFrame | None, after: pl.DataFrame, replaced: Mapping[str, str]
) -> SetDiff:
    """Compare `SET_HASHES`; the set of a changed prompt counts as changed."""
    old = {} if before is None else dict(before.iter_rows())
    new = dict(after.iter_rows())
    now_of = {key: replaced.get(key, key) for key in old}
    stayed = [(was, now) for was, now in now_of.items() if now in new]
    return SetDiff(
        before=len(old),
        after=len(new),
        added=len(new) - len(stayed),
        removed=len(old) - len(stayed),
        changed=sum(old[was] != new[now] for was, now in stayed),
    )


def changed_share(trained: pl.DataFrame | None, now: pl.DataFrame) -> float:
    """Return the share (0 to 1) of sets, trained on or present, that are new, gone or different.

    1 where nothing was trained.
    """
    if trained is None:
        return 1.0
    old, new = dict(trained.iter_rows()), dict(now.iter_rows())
    keys = old.keys() | new.keys()
    return sum(old.get(key) != new.get(key) for key in keys) / len(keys) if keys else 0.0


def _joined(
    before: pl.LazyFrame | None, after: pl.LazyFrame, replaced: Mapping[str, str]
) -> pl.LazyFrame:
    """Return one row for each variant that was or is requested, with both states and the change."""
    old = (pl.LazyFrame(schema=_SCHEMA) if before is None else before).with_columns(
        _key=pl.col("prompt_id").replace(dict(replaced))
    )
    old = old.rename({name: f"{name}_before" for name in ("prompt_id", *_COMPARED)})
    new = after.with_columns(_key=pl.col("prompt_id"))
    both = new.join(old, on=["_key", "language"], how="full", coalesce=True, validate="1:1")
    was, now = pl.col("prompt_id_before").is_not_null(), pl.col("prompt_id").is_not_null()
    same = pl.all_horizontal(pl.col(name).eq_missing(pl.col(f"{name}_before")) for name in _SAME)
    return both.with_columns(
        change=pl.when(~was)
        .then(pl.lit(str(Change.ADDED)))
        .when(~now)
        .then(pl.lit(str(Change.REMOVED)))
        .when(~same)
        .then(pl.lit(str(Change.CHANGED)))
    )


_SAME: Sequence[str] = ("prompt_id", "source", "text", "status")


def _number(*conditions: pl.Expr) -> pl.Expr:
    return pl.all_horizontal(*conditions).sum().cast(pl.Int64)


def _is(change: Change) -> pl.Expr:
    return pl.col("change").eq_missing(pl.lit(str(change)))


_KEPT = pl.col("status").eq_missing(pl.lit(str(Status.KEPT)))
_KEPT_BEFORE = pl.col("status_before").eq_missing(pl.lit(str(Status.KEPT)))

_FIGURES = {
    "added": _number(_is(Change.ADDED)),
    "removed": _number(_is(Change.REMOVED)),
    "changed": _number(_is(Change.CHANGED)),
    "unchanged": _number(pl.col("change").is_null()),
    "kept_before": _number(_KEPT_BEFORE),
    "kept": _number(_KEPT),
    "added_kept": _number(_is(Change.ADDED), _KEPT),
    "removed_kept": _number(_is(Change.REMOVED), _KEPT_BEFORE),
    "newly_kept": _number(_is(Change.CHANGED), _KEPT, ~_KEPT_BEFORE),
    "no_longer_kept": _number(_is(Change.CHANGED), ~_KEPT, _KEPT_BEFORE),
}
