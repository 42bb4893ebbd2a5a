"""Section ``translate.import`` of a recipe: a file of translations that exist already."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from mlc_data.core.section import Section
from mlc_data.languages.flores import get_language


class VariantColumns(Section):
    """Columns (or JSON keys) of a file of translations."""

    prompt: str = "prompt"
    """Column of the English prompt."""
    id: str | None = None
    """Column with the prompt's name in its source (`sources.prompts.columns.id`) or its prompt id. Rows are
    then matched to prompts by it, and the column of the prompt may be absent."""
    language: str = "language"
    """Long layout: column of the variant's language."""
    variant: str = "variant"
    """Long layout: column of the translation."""
    back_translation: str | None = "back_translation"
    """Long layout: column of the variant translated back; it may be absent, or empty in some rows."""


class Import(Section):
    """A file of translations: long (a row for each variant) or wide (a column for each language)."""

    path: str
    """A .csv, .tsv, .jsonl or .parquet file."""
    columns: VariantColumns = VariantColumns()
    """Names of the columns."""
    language: str | None = None
    """Language of all variants in the file (FLORES-200 code), instead of a column."""
    wide: dict[str, str] | None = Field(default=None, min_length=1)
    """Wide layout: the column of each language, as `swh_Latn: <column>`."""

    @model_validator(mode="after")
    def _one_layout(self) -> Self:
        if self.wide is not None and self.language is not None:
            raise ValueError(
                "`language` is for a file of one language, `wide` for several: name one"
            )
        for code in (*([self.language] if self.language else ()), *(self.wide or ())):
            get_language(code)
        columns = list((self.wide or {}).values())
        if twice := sorted({name for name in columns if columns.count(name) > 1}):
            raise ValueError(f"`wide` names the column {', '.join(twice)} for several languages")
        return self
