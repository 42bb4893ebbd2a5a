"""Files of translations that exist already, in the long or the wide layout: one table row for each variant.

Cells that hold no usable text stay in the table as failures, so that no row of the file is lost.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from mlc_data.core.records import ImportReason, PromptReason
from mlc_data.errors import SourceError, UnknownLanguageError
from mlc_data.languages.flores import find_language
from mlc_data.recipe.imported import Import
from mlc_data.recipe.recipe import Source
from mlc_data.sources.readers import RawRow, open_source

VARIANT_ROWS: dict[str, pl.DataType] = {
    "row": pl.Int64(),
    "language": pl.String(),
    "id": pl.String(),
    "source": pl.String(),
    "text": pl.String(),
    "back_translation": pl.String(),
    "failure": pl.String(),
    "detail": pl.String(),
}
"""A variant of a file: its row (from 1), language (FLORES-200 code; null where the row does not say), the
prompt's id and text (NFC), the translation, and the back-translation if there is one.

``failure`` (`ImportReason` or `PromptReason`) and ``detail`` say why there is no usable variant; ``text`` is
null then.
"""


@dataclass(frozen=True)
class VariantFile:
    """Variants of a file.

    Attributes:
        name: the file, for messages.
        identity: its content hash, for keys.
        read: number of the file's rows.
        languages: FLORES-200 codes of the variants, in order of appearance.
        rows: `VARIANT_ROWS`; of a wide file, one for each row and language.
    """

    name: str
    identity: Mapping[str, Any]
    read: int
    languages: tuple[str, ...]
    rows: pl.DataFrame


class _Unusable(Exception):
    """A cell cannot be used; carries the reason and what was found."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def read_variants(
    settings: Import, source_language: str, key: str, option: str | None = None
) -> VariantFile:
    """Return all variants of a file.

    Args:
        settings: the file and its layout.
        source_language: language of the prompts (FLORES-200 code).
        key: key of the recipe, or name of the argument, that names the file.
        option: way to name another column, with ``{role}`` in place of the column's role; by
            default that of a recipe.

    Raises:
        SourceError: the file cannot be read, is empty, lacks a column, or names a language that is
            unknown or ambiguous.
    """
    if source_language in (settings.language, *(settings.wide or ())):
        raise SourceError(f"{key}: {source_language} is the language of the prompts")
    opened = open_source(Source(path=settings.path), key)
    raws = list(opened.rows())
    _refuse_wrong_file(opened.name, raws)
    keys = {name for raw in raws for name in raw.record or ()}
    if keys:
        _refuse_columns(opened.name, settings, keys, option or f"{key}.columns.{{role}}")
    cells = _Cells(settings, opened.name, source_language)
    table = [row for raw in raws for row in cells.rows(raw)]
    frame = pl.DataFrame(table, schema=VARIANT_ROWS, orient="row")
    named = settings.wide or ((settings.language,) if settings.language else ())
    languages = tuple(named) or tuple(
        frame["language"].drop_nulls().unique(maintain_order=True).to_list()
    )
    languages = tuple(code for code in languages if code != source_language)
    return VariantFile(opened.name, opened.identity, len(raws), languages, frame)


def _refuse_wrong_file(name: str, raws: list[RawRow]) -> None:
    if not raws:
        raise SourceError(f"{name} holds no rows")
    unread = [
        raw for raw in raws if raw.reason in (PromptReason.MALFORMED, PromptReason.NOT_UNICODE)
    ]
    if len(unread) > len(raws) / 2:
        raise SourceError(
            f"{name}, {unread[0].where}: {unread[0].detail} ({len(unread)} of {len(raws)} rows are like it)"
        )


def _refuse_columns(name: str, settings: Import, keys: set[str], option: str) -> None:
    columns, long = settings.columns, settings.wide is None
    wanted = {"id": columns.id} if columns.id else {"prompt": columns.prompt}
    if long:
        wanted["variant"] = columns.variant
        # The default name may be absent; a name of the user's own is meant to be there.
        if columns.back_translation not in (None, "back_translation"):
            wanted["back_translation"] = columns.back_translation
    if long and settings.language is None:
        wanted["language"] = columns.language
    for role, column in wanted.items():
        if column not in keys:
            hint = f"Name the right one with {option.format(role=role)}"
            if role == "language":
                hint += ", or the language of all rows with `language`"
            raise SourceError(f"{name} has no column {column!r}; it has: {_listed(keys)}. {hint}")
    for code, column in (settings.wide or {}).items():
        if column not in keys:
            raise SourceError(
                f"{name} has no column {column!r} for {code}; it has: {_listed(keys)}"
            )


def _listed(keys: set[str]) -> str:
    return ", ".join(sorted(map(str, keys)))


class _Cells:
    """Makes rows of `VARIANT_ROWS` from a file's rows."""

    def __init__(self, settings: Import, name: str, source_language: str) -> None:
        self._settings, self._columns = settings, settings.columns
        self._name, self._source_language = name, source_language
        self._codes: dict[str, str] = {}

    def rows(self, raw: RawRow) -> Iterator[tuple[Any, ...]]:
        settings = self._settings
        if settings.wide is None:
            yield self._row(raw, settings.language, self._columns.variant)
        else:
            for code, column in settings.wide.items():
                yield self._row(raw, code, column)

    def _row(self, raw: RawRow, language: str | None, column: str) -> tuple[Any, ...]:
        name = prompt = None
        try:
            if raw.record is None:
                raise _Unusable(raw.reason or PromptReason.MALFORMED, raw.detail)
            language = language or self._language(raw)
            name = self._id(raw.record)
            prompt = self._prompt(raw.record, name)
            if language == self._source_language:
                raise _Unusable(
                    ImportReason.SOURCE_LANGUAGE, f"{language} is the language of the prompts"
                )
            text = _text(raw.record, column)
            if text is None:
                raise _Unusable(ImportReason.BLANK_VARIANT, f"{column!r} is blank")
            back = None
            if self._settings.wide is None and self._columns.back_translation:
                back = _text(raw.record, self._columns.back_translation)
        except _Unusable as unusable:
            detail = f"{raw.where}: {unusable.detail}".removesuffix(": ")
            return raw.row, language, name, prompt, None, None, str(unusable.reason), detail
        return raw.row, language, name, prompt, text, back, None, None

    def _language(self, raw: RawRow) -> str:
        column = self._columns.language
        label = _text(raw.record or {}, column)
        if label is None:
            raise _Unusable(ImportReason.BLANK_LANGUAGE, f"{column!r} is blank")
        label = label.strip()
        if label not in self._codes:
            try:
                self._codes[label] = find_language(label).code
            except UnknownLanguageError as error:
                raise SourceError(f"{self._name}, {raw.where}, {column!r}: {error}") from error
        return self._codes[label]

    def _id(self, record: Mapping[str, Any]) -> str | None:
        value = record.get(self._columns.id) if self._columns.id else None
        return _text({"id": str(value)}, "id") if value is not None else None

    def _prompt(self, record: Mapping[str, Any], name: str | None) -> str | None:
        text = _text(record, self._columns.prompt)
        if text is None and name is None:
            raise _Unusable(
                ImportReason.BLANK_PROMPT, f"{self._columns.id or self._columns.prompt!r} is blank"
            )
        return None if text is None else unicodedata.normalize("NFC", text)


def _text(record: Mapping[str, Any], column: str) -> str | None:
    """Return a cell's text; None where it is absent, null, NaN or white space."""
    value = record.get(column)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if not isinstance(value, str):
        detail = f"{column!r} is not text but {type(value).__name__}"
        raise _Unusable(PromptReason.NOT_A_STRING, detail)
    if "\0" in value:
        detail = f"{column!r} holds a NUL at {value.index(chr(0))}"
        raise _Unusable(PromptReason.NUL_BYTES, detail)
    if any("\ud800" <= character <= "\udfff" for character in value):
        detail = f"{column!r} holds a lone surrogate or broken UTF-8"
        raise _Unusable(PromptReason.NOT_UNICODE, detail)
    return value if value.strip() else None


def checkable(rows: pl.DataFrame) -> pl.DataFrame:
    """Return variants with ``prompt_id`` and ``segments`` added, as checks read them.

    The text counts as one sentence: a translator of whole texts may join and split sentences.
    """
    segment = pl.struct(
        source="source",
        text="text",
        log_prob=pl.lit(None, pl.Float64),
        unknown_share=pl.lit(0.0),
        cached=pl.lit(value=False),
        back="back_translation",
    )
    return rows.with_columns(segments=pl.concat_list(segment))
