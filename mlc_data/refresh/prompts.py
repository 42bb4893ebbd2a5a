"""New, removed, changed and edited prompts.

A prompt is identified by its text, so a changed text looks like one prompt removed and another added. The two
are matched by the source's own ids (`sources.prompts.columns.id`), or else by position: where as many prompts
were removed as added between two neighbours that stayed, they are matched in order. This changes only how the
change is reported, not what is translated.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from mlc_data.core.records import PROMPTS, empty
from mlc_data.refresh.record import PROMPT_CHANGES, Change, PromptDiff

_CONTENT = ("category", "chosen", "rejected")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class PromptChanges:
    """Changes of the prompts.

    Attributes:
        table: `PROMPT_CHANGES`.
        figures: counts of the changes.
        replaced: id before to id now, for changed prompts with another id.
    """

    table: pl.DataFrame
    figures: PromptDiff
    replaced: Mapping[str, str]


def compare_prompts(before: pl.DataFrame | None, after: pl.DataFrame) -> PromptChanges:
    """Compare `records.PROMPTS` before (None: there were none) and now, both in source order."""
    old = list((empty(PROMPTS) if before is None else before).iter_rows(named=True))
    new = list(after.iter_rows(named=True))
    old_by_id, new_by_id = ({row["prompt_id"]: row for row in rows} for rows in (old, new))
    matched_by: Literal["id", "place"] = "id" if _has_ids(old) and _has_ids(new) else "place"
    match = _by_id if matched_by == "id" else _by_position
    replaced = dict(match(old, new, old_by_id.keys() & new_by_id.keys()))
    rows = [
        _row(change, new_by_id.get(now or ""), old_by_id.get(was or ""))
        for change, was, now in _changes(old_by_id, new_by_id, replaced)
    ]
    counts = Counter(row["change"] for row in rows)
    figures = PromptDiff(
        before=len(old), after=len(new), told_by=matched_by,
        **{str(change): counts[change] for change in Change},
    )  # fmt: skip
    return PromptChanges(pl.DataFrame(rows, schema=PROMPT_CHANGES), figures, replaced)


def _changes(
    old: Mapping[str, Row], new: Mapping[str, Row], replaced: Mapping[str, str]
) -> Iterable[tuple[Change, str | None, str | None]]:
    """Yield change, id before and id now: present prompts in their order, then removed ones."""
    was = {now: before for before, now in replaced.items()}
    for key, row in new.items():
        before = old.get(key)
        if before is None:
            yield (Change.CHANGED, was[key], key) if key in was else (Change.ADDED, None, key)
        elif before["prompt"] != row["prompt"]:
            yield Change.CHANGED, key, key
        elif any(before[name] != row[name] for name in _CONTENT):
            yield Change.EDITED, key, key
    for key in old:
        if key not in new and key not in replaced:
            yield Change.REMOVED, key, None


def _row(change: Change, now: Row | None, was: Row | None) -> dict[str, str | None]:
    cells: dict[str, str | None] = {"change": str(change)}
    for suffix, row in (("", now), ("_before", was)):
        for name in ("prompt_id", "prompt"):
            cells[name + suffix] = row[name] if row else None
    return cells


def _has_ids(rows: Iterable[Row]) -> bool:
    return any(row["source_id"] is not None for row in rows)


def _by_id(old: Sequence[Row], new: Sequence[Row], kept: set[str]) -> Iterable[tuple[str, str]]:
    """Yield pairs of a removed and an added prompt with the same id, which no other prompt has."""
    removed, added = (
        _single((row["source_id"], row["prompt_id"]) for row in rows) for rows in (old, new)
    )
    for name, was in removed.items():
        now = added.get(name)
        if now is not None and was not in kept and now not in kept:
            yield was, now


def _single(pairs: Iterable[tuple[str | None, str]]) -> dict[str, str]:
    listed = [(name, key) for name, key in pairs if name is not None]
    times = Counter(name for name, _ in listed)
    return {name: key for name, key in listed if times[name] == 1}


def _by_position(
    old: Sequence[Row], new: Sequence[Row], kept: set[str]
) -> Iterable[tuple[str, str]]:
    """Yield pairs from equally long runs of removed and added prompts after the same kept prompt."""
    removed, added = _runs(old, kept), _runs(new, kept)
    for previous, before in removed.items():
        after = added.get(previous, [])
        if len(before) == len(after):
            yield from zip(before, after, strict=True)


def _runs(rows: Iterable[Row], kept: set[str]) -> dict[str | None, list[str]]:
    """Return ids of prompts that were not kept, by the kept prompt before them (None: the beginning)."""
    previous: str | None = None
    runs: dict[str | None, list[str]] = {}
    for row in rows:
        key = row["prompt_id"]
        if key in kept:
            previous = key
        else:
            runs.setdefault(previous, []).append(key)
    return runs
