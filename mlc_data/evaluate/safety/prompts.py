"""Prompts in many languages whose replies are judged: held-out sets, or files of the user."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from mlc_data.core.wording import in_words
from mlc_data.errors import SourceError
from mlc_data.evaluate.safety.layouts import KEY, PromptFault, is_harmful, layout_of
from mlc_data.evaluate.safety.suites import suites
from mlc_data.recipe.evaluate import PromptSet
from mlc_data.recipe.sources import Source
from mlc_data.sources.readers import open_source

EVALUATION_PROMPTS: dict[str, pl.DataType] = {
    "prompt_id": pl.String(),
    "language": pl.String(),
    "prompt": pl.String(),
    "category": pl.String(),
    "harmful": pl.Boolean(),
}
"""Schema of prompts: one row per prompt and language; all languages of a prompt share its ``prompt_id``."""


@dataclass(frozen=True)
class EvaluationPrompts:
    """Prompts to answer, and counts of rows: read = kept + rejected.

    Attributes:
        frame: as `EVALUATION_PROMPTS`.
        read: texts read (each language of a row counts).
        rejected: number of rejected texts, by `PromptFault`.
        identity: identity of the prompts, for keys.
    """

    frame: pl.DataFrame
    read: int
    rejected: Mapping[str, int] = field(default_factory=dict)
    identity: Any = None


def from_sets(
    rows: Iterable[Mapping[str, Any]], settings: PromptSet, identity: Any
) -> EvaluationPrompts:
    """Return rows of `records.SETS` as prompts, each in all its languages; those with earlier turns are rejected."""
    rows = list(rows)
    left = sum(1 + len(row["variants"]) for row in rows if row.get("context"))
    table = [
        {
            "prompt_id": row["prompt_id"],
            "language": language,
            "prompt": text,
            "category": row["category"],
            "harmful": is_harmful(row["category"], settings),
        }
        for row in rows
        if not row.get("context")
        for language, text in (
            (row["language"], row["prompt"]),
            *((variant["language"], variant["text"]) for variant in row["variants"]),
        )
    ]
    frame, faults = _limited(table, settings.limit)
    if left:
        faults[PromptFault.EARLIER_TURNS.value] = left
    return EvaluationPrompts(frame, len(table) + left, faults, identity)


def from_file(settings: PromptSet, number: int = 0) -> EvaluationPrompts:
    """Return the prompts of a file, a Hub dataset or a suite.

    Args:
        settings: location and layout.
        number: its position in the recipe's list, for errors and to distinguish ids of several files.

    Raises:
        SourceError: it does not exist, cannot be read, lacks a column, or has no usable prompt.
    """
    key = f"{KEY}[{number}]"
    layout = layout_of(settings)
    opened = open_source(_source(settings), key, layout.wanted)
    faults: Counter[str] = Counter()
    seen: set[tuple[str, str]] = set()
    table: list[dict[str, Any]] = []
    read = 0
    for row in layout.rows(opened, key):
        read += 1
        fault = row if isinstance(row, PromptFault) else None
        if not isinstance(row, PromptFault):
            place = (row["prompt_id"], row["language"])
            fault = PromptFault.REPEATED if place in seen else None
            if fault is None:
                seen.add(place)
                table.append({**row, "prompt_id": f"{number}:{row['prompt_id']}"})
        if fault is not None:
            faults[fault] += 1
    if not table:
        reasons = in_words(faults, "it is empty")
        raise SourceError(f"{key}: {opened.name} has no usable prompt ({reasons})")
    frame, cut = _limited(table, settings.limit, layout.stratum)
    identity = {**opened.identity, **layout.identity}
    return EvaluationPrompts(frame, read, dict(sorted({**faults, **cut}.items())), identity)


def _source(settings: PromptSet) -> Source:
    """Return the place of a file, of a Hub dataset, or of a suite's dataset where no file is named."""
    suite = suites()[settings.suite] if settings.suite and settings.path is None else None
    return Source(
        path=settings.path,
        hub=suite.hub if suite else settings.hub,
        config=suite.config if suite else settings.config,
        split=suite.split if suite else settings.split,
        revision=settings.revision,
        delimiter=settings.delimiter,
        quote=settings.quote,
        encoding=settings.encoding,
        format=settings.format,
    )


def _limited(
    table: Sequence[Mapping[str, Any]],
    limit: int | None,
    stratum: Callable[[Mapping[str, Any]], Any] = lambda row: None,
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Return the first ``limit`` prompts of each stratum in all their languages, and the number of texts left out."""
    strata: dict[Any, dict[str, None]] = {}
    for row in table:
        strata.setdefault(stratum(row), {})[row["prompt_id"]] = None
    chosen = {prompt for prompts in strata.values() for prompt in list(prompts)[:limit]}
    kept = [row for row in table if row["prompt_id"] in chosen]
    left = len(table) - len(kept)
    return pl.DataFrame(kept, schema=EVALUATION_PROMPTS), (
        {PromptFault.OVER_LIMIT.value: left} if left else {}
    )


def join(parts: Sequence[EvaluationPrompts]) -> EvaluationPrompts:
    """Return several prompt sets as one."""
    rejected: Counter[str] = Counter()
    for part in parts:
        rejected.update(part.rejected)
    return EvaluationPrompts(
        pl.concat([part.frame for part in parts]),
        sum(part.read for part in parts),
        dict(rejected),
        [part.identity for part in parts],
    )
