"""Engines of a run side by side, by language, from the notes of its stages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Column, Table

from mlc_data.core.console import number, table
from mlc_data.core.manifest import Manifest

_NEXT = "next: "
_TRANSLATED = "translated"
_USAGE = ("requests", "tokens in", "tokens out")
_COST = "cost in millionths"


def engine_tables(manifest: Manifest, stage: str = "translate") -> Iterator[Table]:
    """Yield the sentences of each engine and language, and what endpoints used; nothing where one engine is alone.

    Args:
        manifest: of the run.
        stage: whose notes are shown, ``translate`` or ``rescue``.
    """
    record = manifest.stages.get(stage)
    engines: Mapping[str, Any] = record.notes.get("engines", {}) if record else {}
    outcomes = {name: _languages(figures) for name, figures in engines.items()}
    if any(outcomes.values()):
        yield _outcomes(outcomes)
    if used := {name: figures for name, figures in engines.items() if "requests" in figures}:
        yield _usage(used)


def _languages(figures: Mapping[str, Any]) -> dict[str, Mapping[str, int]]:
    return {code: counts for code, counts in figures.items() if isinstance(counts, dict)}


def _outcomes(engines: Mapping[str, Mapping[str, Mapping[str, int]]]) -> Table:
    counted = map(number, (_TRANSLATED, "to the next", "failed"))
    shown = table(Column("language", no_wrap=True), "engine", *counted, "reasons")
    codes = sorted({code for languages in engines.values() for code in languages})
    for code in codes:
        for name, languages in engines.items():
            if code in languages:
                shown.add_row(code, name, *_row(languages[code]))
    return shown


def _row(counts: Mapping[str, int]) -> tuple[str, str, str, str]:
    passed = {name: count for name, count in counts.items() if name.startswith(_NEXT)}
    failed = {name: count for name, count in counts.items() if name not in (*passed, _TRANSLATED)}
    why = ", ".join(
        f"{name.removeprefix(_NEXT)} {count}" for name, count in {**passed, **failed}.items()
    )
    sums = (counts.get(_TRANSLATED, 0), sum(passed.values()), sum(failed.values()))
    return str(sums[0]), str(sums[1]), str(sums[2]), why


def _usage(endpoints: Mapping[str, Mapping[str, int]]) -> Table:
    shown = table("endpoint", *map(number, (*_USAGE, "cost")))
    for name, figures in endpoints.items():
        cost = figures.get(_COST, 0) / 1e6
        shown.add_row(name, *(f"{figures[each]:,}" for each in _USAGE), f"{cost:.2f}")
    return shown
