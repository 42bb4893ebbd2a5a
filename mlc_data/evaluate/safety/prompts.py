"""Prompts in many languages whose replies are judged: held-out sets, or files of the user."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any

import polars as pl

from mlc_data.core.wording import in_words
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
"""Language columns of MultiJail (Deng et al. 2023, arXiv 2310.06474), in addition to ``id``, ``source``, ``tags``."""

EVALUATION_PROMPTS: dict[str, pl.DataType] = {
    "prompt_id": pl.String(),
    "language": pl.String(),
    "prompt": pl.String(),
    "category": pl.String(),
    "harmful": pl.Boolean(),
}
"""Schema of prompts: one row per prompt and language; all languages of a prompt share its ``prompt_id``."""


class PromptFault(StrEnum):
    """Reason why a row of an evaluation file is not used. A row counts under its first reason."""

    MALFORMED = "malformed"  # no record at all
    MISSING = "missing"  # no prompt, or no id in a file with ids
    NOT_UNICODE = "not_unicode"  # lone surrogates or NUL: the text cannot be encoded
    UNKNOWN_LANGUAGE = "unknown_language"
    REPEATED = "repeated"  # the same id and language as an earlier row
    OVER_LIMIT = "over_limit"  # its prompt comes after the first `limit` ones


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
    """Return rows of `records.SETS` as prompts, each in all its languages."""
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
    """Return the prompts of a file or Hub dataset in one of the layouts.

    Args:
        settings: location and layout.
        number: its position in the recipe's list, for errors and to distinguish ids of several files.

    Raises:
        SourceError: it does not exist, cannot be read, lacks a column, or has no usable prompt.
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
    for row in reader(opened, settings, key):
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
    frame, cut = _limited(table, settings.limit)
    return EvaluationPrompts(frame, read, dict(sorted({**faults, **cut}.items())), opened.identity)


def _limited(
    table: Sequence[Mapping[str, Any]], limit: int | None
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Return the first ``limit`` prompts in all their languages, and the number of texts left out."""
    chosen = set(list(dict.fromkeys(row["prompt_id"] for row in table))[:limit])
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


ParsedRow = dict[str, Any] | PromptFault


def _wanted(settings: PromptSet) -> Wanted:
    if settings.layout == "multijail":
        return Wanted("en", ("id", "tags", *MULTIJAIL))
    columns = settings.columns
    others = (columns.language, columns.id, columns.category)
    return Wanted(columns.prompt, tuple(column for column in others if column))


def _long(opened: OpenSource, settings: PromptSet, key: str) -> Iterator[ParsedRow]:
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
        yield _parse_row(
            identity, record.get(columns.language), record.get(columns.prompt), category, settings
        )


def _multijail(opened: OpenSource, settings: PromptSet, key: str) -> Iterator[ParsedRow]:
    for raw in opened.rows():
        record = raw.record
        if record is None:
            yield PromptFault.MALFORMED
            continue
        _require_columns(raw, ("id", "en"), key, opened)
        for column, language in MULTIJAIL.items():
            if column in record:
                yield _parse_row(
                    record.get("id"), language, record[column], record.get("tags"), settings
                )


def _parse_row(
    identity: Any, language: Any, text: Any, category: Any, settings: PromptSet
) -> ParsedRow:
    if identity is None or not isinstance(text, str) or not text.strip():
        return PromptFault.MISSING
    named = None if category is None else str(category)
    if not all(map(_storable, (text, str(identity), named or ""))):
        return PromptFault.NOT_UNICODE
    label = str(language)
    try:
        code = settings.languages.get(label) or find_language(label).code
    except UnknownLanguageError as error:
        _warn_once(str(error))
        return PromptFault.UNKNOWN_LANGUAGE
    return {
        "prompt_id": str(identity),
        "language": code,
        "prompt": text.strip(),
        "category": named,
        "harmful": _harmful(named, settings),
    }


def _storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= one <= "\udfff" for one in text)


@cache
def _warn_once(message: str) -> None:
    log.warning("%s: %s, or say what the file means with %s.languages", KEY, message, KEY)


def _harmful(category: str | None, settings: PromptSet) -> bool:
    if isinstance(settings.harmless, bool):
        return not settings.harmless
    return category not in settings.harmless


def _require_columns(raw: RawRow, needed: Sequence[str], key: str, source: OpenSource) -> None:
    # The first row is enough for a CSV or Parquet file; in JSONL keys may differ by row.
    if raw.row > 1 or raw.record is None:
        return
    missing = [column for column in needed if column not in raw.record]
    if missing:
        there = source.columns or tuple(raw.record)
        raise SourceError(
            f"{key}: {source.name} has no column {', '.join(map(repr, missing))}; it has "
            f"{', '.join(map(repr, there))}. Name others with {key}.columns, or another layout"
        )
