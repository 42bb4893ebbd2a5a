"""Prompts in many languages whose replies are judged: held-out sets, or files that users bring."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any

import polars as pl

from mlc_data.errors import SourceError, UnknownLanguageError
from mlc_data.languages.flores import find_language
from mlc_data.recipe.evaluate import PromptSet
from mlc_data.recipe.sources import Source
from mlc_data.sources.readers import OpenSource, RawRow, Wanted, open_source

log = logging.getLogger(__name__)

KEY = "evaluate.safety.prompts"

MULTIJAIL = {
    "en": "eng_Latn", "zh": "zho_Hans", "it": "ita_Latn", "vi": "vie_Latn", "ar": "arb_Arab",
    "ko": "kor_Hang", "th": "tha_Thai", "bn": "ben_Beng", "sw": "swh_Latn", "jv": "jav_Latn",
}  # fmt: skip
"""Language columns of MultiJail (Deng et al. 2023, arXiv 2310.06474), beside ``id``, ``source``, ``tags``."""

EVALUATION_PROMPTS: dict[str, pl.DataType] = {
    "prompt_id": pl.String(),
    "language": pl.String(),
    "prompt": pl.String(),
    "category": pl.String(),
    "harmful": pl.Boolean(),
}
"""One row a prompt and language; ``prompt_id`` is that of all languages of one prompt."""


class PromptFault(StrEnum):
    """Why a row of an evaluation file is not asked. A row counts under its first reason."""

    MALFORMED = "malformed"  # no record at all
    MISSING = "missing"  # no prompt, or no id where the column is there
    UNKNOWN_LANGUAGE = "unknown_language"
    REPEATED = "repeated"  # the same id and language as an earlier row
    OVER_LIMIT = "over_limit"  # its prompt comes after the first `limit` ones


@dataclass(frozen=True)
class EvaluationPrompts:
    """What is asked, and what became of each row: read = kept + rejected.

    Attributes:
        frame: as `EVALUATION_PROMPTS`.
        read: texts read (of a row with several languages, each).
        rejected: how many were not kept, by `PromptFault`.
        identity: what the prompts are, for keys.
    """

    frame: pl.DataFrame
    read: int
    rejected: Mapping[str, int] = field(default_factory=dict)
    identity: Any = None


def from_sets(
    rows: Iterable[Mapping[str, Any]], settings: PromptSet, identity: Any
) -> EvaluationPrompts:
    """Rows of `records.SETS` as prompts, each in all its languages."""
    table = [
        {
            "prompt_id": row["prompt_id"],
            "language": language,
            "prompt": text,
            "category": row["category"],
            "harmful": _harmful(row["category"], settings),
        }
        for row in rows
        for language, text in (
            (row["language"], row["prompt"]),
            *((variant["language"], variant["text"]) for variant in row["variants"]),
        )
    ]
    frame, faults = _limited(table, settings.limit)
    return EvaluationPrompts(frame, len(table), faults, identity)


def from_file(settings: PromptSet, number: int = 0) -> EvaluationPrompts:
    """A file or Hub dataset of one of the layouts.

    Args:
        settings: where, and which layout.
        number: its place in the recipe's list, for errors; keeps ids of several files apart.

    Raises:
        SourceError: it does not exist, cannot be read, lacks a column, or nothing in it can be asked.
    """
    key = f"{KEY}[{number}]"
    source = Source(
        path=settings.path,
        hub=settings.hub,
        config=settings.config,
        split=settings.split,
        revision=settings.revision,
        delimiter=settings.delimiter,
        quote=settings.quote,
        encoding=settings.encoding,
    )
    opened = open_source(source, key, _wanted(settings))
    reader = _multijail if settings.layout == "multijail" else _long
    faults: Counter[str] = Counter()
    seen: set[tuple[str, str]] = set()
    table: list[dict[str, Any]] = []
    read = 0
    for found in reader(opened, settings, key):
        read += 1
        fault = found if isinstance(found, PromptFault) else None
        if not isinstance(found, PromptFault):
            place = (found["prompt_id"], found["language"])
            fault = PromptFault.REPEATED if place in seen else None
            if fault is None:
                seen.add(place)
                table.append({**found, "prompt_id": f"{number}:{found['prompt_id']}"})
        if fault is not None:
            faults[fault] += 1
    if not table:
        told = ", ".join(f"{name} {count}" for name, count in faults.items()) or "it is empty"
        raise SourceError(f"{key}: no prompt of {opened.name} can be asked ({told})")
    frame, cut = _limited(table, settings.limit)
    return EvaluationPrompts(frame, read, dict(sorted({**faults, **cut}.items())), opened.identity)


def _limited(
    table: Sequence[Mapping[str, Any]], limit: int | None
) -> tuple[pl.DataFrame, dict[str, int]]:
    """The first ``limit`` prompts in all their languages, and how many texts that leaves out."""
    chosen = set(list(dict.fromkeys(row["prompt_id"] for row in table))[:limit])
    kept = [row for row in table if row["prompt_id"] in chosen]
    left = len(table) - len(kept)
    return pl.DataFrame(kept, schema=EVALUATION_PROMPTS), (
        {PromptFault.OVER_LIMIT.value: left} if left else {}
    )


def join(parts: Sequence[EvaluationPrompts]) -> EvaluationPrompts:
    """Several prompt sets as one."""
    rejected: Counter[str] = Counter()
    for part in parts:
        rejected.update(part.rejected)
    return EvaluationPrompts(
        pl.concat([part.frame for part in parts]),
        sum(part.read for part in parts),
        dict(rejected),
        [part.identity for part in parts],
    )


Found = dict[str, Any] | PromptFault


def _wanted(settings: PromptSet) -> Wanted:
    if settings.layout == "multijail":
        return Wanted("en", ("id", "tags", *MULTIJAIL))
    columns = settings.columns
    others = (columns.language, columns.id, columns.category)
    return Wanted(columns.prompt, tuple(column for column in others if column))


def _long(opened: OpenSource, settings: PromptSet, key: str) -> Iterator[Found]:
    columns = settings.columns
    for raw in opened.rows():
        record = raw.record
        if record is None:
            yield PromptFault.MALFORMED
            continue
        needed = (columns.prompt, columns.language, *([columns.id] if columns.id else []))
        _require_columns(raw, needed, key, opened)
        identity = str(raw.row) if columns.id is None else record.get(columns.id)
        category = record.get(columns.category) if columns.category else None
        yield _found(
            identity, record.get(columns.language), record.get(columns.prompt), category, settings
        )


def _multijail(opened: OpenSource, settings: PromptSet, key: str) -> Iterator[Found]:
    for raw in opened.rows():
        record = raw.record
        if record is None:
            yield PromptFault.MALFORMED
            continue
        _require_columns(raw, ("id", "en"), key, opened)
        for column, language in MULTIJAIL.items():
            if column in record:
                yield _found(
                    record.get("id"), language, record[column], record.get("tags"), settings
                )


def _found(identity: Any, language: Any, text: Any, category: Any, settings: PromptSet) -> Found:
    if identity is None or not isinstance(text, str) or not text.strip():
        return PromptFault.MISSING
    label = str(language)
    try:
        code = settings.languages.get(label) or find_language(label).code
    except UnknownLanguageError as error:
        _say_once(str(error))
        return PromptFault.UNKNOWN_LANGUAGE
    named = None if category is None else str(category)
    return {
        "prompt_id": str(identity),
        "language": code,
        "prompt": text.strip(),
        "category": named,
        "harmful": _harmful(named, settings),
    }


@cache
def _say_once(message: str) -> None:
    log.warning("%s: %s, or say what the file means with %s.languages", KEY, message, KEY)


def _harmful(category: str | None, settings: PromptSet) -> bool:
    if isinstance(settings.harmless, bool):
        return not settings.harmless
    return category not in settings.harmless


def _require_columns(raw: RawRow, needed: Sequence[str], key: str, source: OpenSource) -> None:
    # The first row tells for a CSV or Parquet file; in JSONL keys may differ by row.
    if raw.row > 1 or raw.record is None:
        return
    missing = [column for column in needed if column not in raw.record]
    if missing:
        there = source.columns or tuple(raw.record)
        raise SourceError(
            f"{key}: {source.name} has no column {', '.join(map(repr, missing))}; it has "
            f"{', '.join(map(repr, there))}. Name others with {key}.columns, or another layout"
        )
