"""Layouts of files with evaluation prompts: one row per prompt and language, one column per language, or a suite's."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any

from mlc_data.core.hashing import hash_value
from mlc_data.errors import SourceError, UnknownLanguageError
from mlc_data.evaluate.safety.suites import Suite, cell, suites
from mlc_data.languages.flores import find_language
from mlc_data.recipe.evaluate import PromptSet
from mlc_data.sources.readers import OpenSource, RawRow, Wanted

log = logging.getLogger(__name__)

KEY = "evaluate.safety.prompts"


class PromptFault(StrEnum):
    """Reason why a text of an evaluation file is not used. A text counts under its first reason."""

    MALFORMED = "malformed"  # no record at all
    MISSING = "missing"  # no prompt, or no id in a file with ids
    NOT_UNICODE = "not_unicode"  # lone surrogates or NUL: the text cannot be encoded
    UNLABELLED = "unlabelled"  # a suite's label is missing or unknown
    UNKNOWN_LANGUAGE = "unknown_language"
    REPEATED = "repeated"  # the same id and language as an earlier row
    EARLIER_TURNS = "earlier_turns"  # a held-out prompt that only makes sense after other turns
    OVER_LIMIT = "over_limit"  # its prompt comes after the first `limit` ones


ParsedRow = dict[str, Any] | PromptFault
"""A row of `EVALUATION_PROMPTS`, or the reason why there is none."""

Reader = Callable[[OpenSource, str], Iterator[ParsedRow]]
"""Reads all texts of a source; the recipe's key is for errors."""


@dataclass(frozen=True)
class Layout:
    """Way to read the prompts of a source.

    Attributes:
        wanted: columns that are read.
        rows: reads them.
        stratum: group of rows within which a limit counts.
        identity: all that determines the rows besides the source and the recipe.
    """

    wanted: Wanted
    rows: Reader
    stratum: Callable[[Mapping[str, Any]], Any] = lambda row: None
    identity: Mapping[str, Any] = field(default_factory=dict)


def layout_of(settings: PromptSet) -> Layout:
    """Return the layout that a recipe names."""
    if settings.suite is not None:
        return _suite(suites()[settings.suite], settings)
    if settings.layout == "multijail":
        suite = suites()["multijail"]
        return Layout(_wanted(suite), lambda opened, key: _multijail(opened, key, suite, settings))
    columns = settings.columns
    others = (columns.language, columns.id, columns.category)
    wanted = Wanted(columns.prompt, tuple(column for column in others if column))
    return Layout(wanted, lambda opened, key: _long(opened, key, settings))


def is_harmful(category: str | None, settings: PromptSet) -> bool:
    """Return True unless the recipe declares a category, or all prompts, harmless."""
    if isinstance(settings.harmless, bool):
        return not settings.harmless
    return category not in settings.harmless


def _wanted(suite: Suite) -> Wanted:
    return Wanted(suite.columns.prompt or next(iter(suite.languages)), suite.read)


def _long(opened: OpenSource, key: str, settings: PromptSet) -> Iterator[ParsedRow]:
    columns = settings.columns
    needed = (columns.prompt, columns.language, *([columns.id] if columns.id else []))
    for raw in opened.rows():
        record = raw.record
        if record is None:
            yield PromptFault.MALFORMED
            continue
        _require_columns(raw, needed, key, opened)
        identity = str(raw.row) if columns.id is None else record.get(columns.id)
        category = record.get(columns.category) if columns.category else None
        named = None if category is None else str(category)
        yield _parse(
            identity,
            _code(record.get(columns.language), settings.languages),
            record.get(columns.prompt),
            named,
            is_harmful(named, settings),
        )


def _multijail(
    opened: OpenSource, key: str, suite: Suite, settings: PromptSet
) -> Iterator[ParsedRow]:
    for raw in opened.rows():
        record = raw.record
        if record is None:
            yield PromptFault.MALFORMED
            continue
        _require_columns(raw, ("id", "en"), key, opened)
        tags = record.get("tags")
        named = None if tags is None else str(tags)
        harmful = is_harmful(named, settings)
        for column, text in suite.texts(record):
            code = settings.languages.get(column) or suite.languages[column]
            yield _parse(record.get("id"), code, text, named, harmful)


def _suite(suite: Suite, settings: PromptSet) -> Layout:
    if suite.labels is None:
        _say_once(suite.title, suite.harmless)
    known = {name.casefold(): code for name, code in suite.languages.items()}
    known |= {name.casefold(): code for name, code in settings.languages.items()}

    def rows(opened: OpenSource, key: str) -> Iterator[ParsedRow]:
        numbers: Counter[Any] = Counter()
        for raw in opened.rows():
            record = raw.record
            if record is None:
                yield PromptFault.MALFORMED
                continue
            _require_suite(raw, suite, key, opened)
            harmful, category = suite.harmful(record), suite.category(record)
            for label, text in suite.texts(record):
                if harmful is None:
                    yield PromptFault.UNLABELLED
                    continue
                code = _code(label, known)
                numbers[code, category] += 1
                identity = _identity(suite, record, category, numbers[code, category], (code, text))
                half = "" if harmful or suite.labels is None else "/harmless"
                yield _parse(f"{identity}{half}", code, text, category, harmful)

    def stratum(row: Mapping[str, Any]) -> Any:
        return row["harmful"], None if suite.parallel else row["language"]

    return Layout(_wanted(suite), rows, stratum, {"suite": hash_value(suite.model_dump())})


def _identity(
    suite: Suite,
    record: Mapping[str, Any],
    category: str | None,
    number: int,
    text: tuple[str, Any],
) -> str:
    """Return what all translations of a prompt share; without translations, a hash of language and text."""
    if suite.numbered:
        return f"{category}:{number}"
    given = cell(record.get(suite.columns.id)) if suite.columns.id else None
    return given or hash_value([text[0], str(text[1]).strip()])[:16]


def _code(label: Any, known: Mapping[str, str]) -> str | PromptFault:
    """Return the FLORES-200 code of a file's name of a language."""
    name = str(label).strip()
    if code := known.get(name) or known.get(name.casefold()):
        return code
    try:
        return find_language(name).code
    except UnknownLanguageError as error:
        _warn_once(str(error))
        return PromptFault.UNKNOWN_LANGUAGE


def _parse(
    identity: Any, code: str | PromptFault, text: Any, category: str | None, harmful: bool
) -> ParsedRow:
    if identity is None or not isinstance(text, str) or not text.strip():
        return PromptFault.MISSING
    if not all(map(_storable, (text, str(identity), category or ""))):
        return PromptFault.NOT_UNICODE
    if isinstance(code, PromptFault):
        return code
    return {
        "prompt_id": str(identity),
        "language": code,
        "prompt": text.strip(),
        "category": category,
        "harmful": harmful,
    }


def _storable(text: str) -> bool:
    return "\0" not in text and not any("\ud800" <= one <= "\udfff" for one in text)


@cache
def _say_once(title: str, sentence: str) -> None:
    log.info("%s: %s: %s", KEY, title, sentence)


@cache
def _warn_once(message: str) -> None:
    log.warning("%s: %s, or say what the file means with %s.languages", KEY, message, KEY)


def _require_columns(raw: RawRow, needed: Iterable[str], key: str, source: OpenSource) -> None:
    if missing := _missing(raw, needed):
        there = source.columns or tuple(raw.record or ())
        raise SourceError(
            f"{key}: {source.name} has no column {', '.join(map(repr, missing))}; it has "
            f"{', '.join(map(repr, there))}. Name others with {key}.columns, or another layout"
        )


def _require_suite(raw: RawRow, suite: Suite, key: str, source: OpenSource) -> None:
    missing = _missing(raw, suite.needed)
    there = source.columns or tuple(raw.record or ())
    if suite.wide and not missing and raw.row == 1 and not set(suite.languages) & set(there):
        missing = list(suite.languages)
    if missing:
        raise SourceError(
            f"{key}: {source.name} is not in the layout of {suite.title}: it has no column "
            f"{', '.join(map(repr, missing))}, but {', '.join(map(repr, there))}. Read it without "
            f"`suite`, and name its columns with {key}.columns"
        )


def _missing(raw: RawRow, needed: Iterable[str]) -> list[str]:
    # The first row is enough for a CSV or Parquet file; in JSONL keys may differ by row.
    if raw.row > 1 or raw.record is None:
        return []
    return [column for column in needed if column not in raw.record]
