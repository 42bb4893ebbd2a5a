"""Which prompts are new, gone, changed or edited.

A prompt is known by its text, so a changed text looks like one prompt removed and another added. They are told to
be one by the source's own ids (`sources.prompts.columns.id`), or else by their place: where, between two
neighbours that stayed, as many prompts were removed as were added, each takes the place of one. Nothing is
translated more or less for it; it decides only how the change is told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from mlc_data.core.records import PROMPTS, empty
from mlc_data.refresh.record import PromptDiff
from mlc_data.refresh.tables import PROMPT_CHANGES, Change

_CONTENT = ("category", "chosen", "rejected")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class PromptChanges:
    """What became of the prompts.

    Attributes:
        table: `PROMPT_CHANGES`.
        figures: the same in numbers.
        replaced: id before to id now, of the changed prompts whose id is another.
    """

    table: pl.DataFrame
    figures: PromptDiff
    replaced: Mapping[str, str]


def compare_prompts(before: pl.DataFrame | None, after: pl.DataFrame) -> PromptChanges:
    """Compare `records.PROMPTS` before (None: there were none) and now, both in source order."""
    old = list((empty(PROMPTS) if before is None else before).iter_rows(named=True))
    new = list(after.iter_rows(named=True))
    old_by_id, new_by_id = ({row["prompt_id"]: row for row in rows} for rows in (old, new))
    told_by: Literal["id", "place"] = "id" if _named(old) and _named(new) else "place"
    pair = _by_id if told_by == "id" else _by_place
    replaced = dict(pair(old, new, old_by_id.keys() & new_by_id.keys()))
    rows = [
        _row(change, new_by_id.get(now or ""), old_by_id.get(was or ""))
        for change, was, now in _changes(old_by_id, new_by_id, replaced)
    ]
    found = Counter(row["change"] for row in rows)
    figures = PromptDiff(
        before=len(old), after=len(new), told_by=told_by,
        **{str(change): found[change] for change in Change},
    )  # fmt: skip
    return PromptChanges(pl.DataFrame(rows, schema=PROMPT_CHANGES), figures, replaced)


def _changes(
    old: Mapping[str, Row], new: Mapping[str, Row], replaced: Mapping[str, str]
) -> Iterable[tuple[Change, str | None, str | None]]:
    """Change, id before and id now: first in the order of now, then what is gone."""
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
    told: dict[str, str | None] = {"change": str(change)}
    for suffix, row in (("", now), ("_before", was)):
        for name in ("prompt_id", "prompt"):
            told[name + suffix] = row[name] if row else None
    return told


def _named(rows: Iterable[Row]) -> bool:
    return any(row["source_id"] is not None for row in rows)


def _by_id(old: Sequence[Row], new: Sequence[Row], kept: set[str]) -> Iterable[tuple[str, str]]:
    """Removed and added prompts of one id, which no other prompt has."""
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


def _by_place(old: Sequence[Row], new: Sequence[Row], kept: set[str]) -> Iterable[tuple[str, str]]:
    """Runs of removed and of added prompts, equally long, behind the same prompt that stayed."""
    removed, added = _runs(old, kept), _runs(new, kept)
    for behind, gone in removed.items():
        come = added.get(behind, [])
        if len(come) == len(gone):
            yield from zip(gone, come, strict=True)


def _runs(rows: Iterable[Row], kept: set[str]) -> dict[str | None, list[str]]:
    """Ids of those that did not stay, by the one before them that did (None: the beginning)."""
    behind: str | None = None
    runs: dict[str | None, list[str]] = {}
    for row in rows:
        key = row["prompt_id"]
        if key in kept:
            behind = key
        else:
            runs.setdefault(behind, []).append(key)
    return runs
