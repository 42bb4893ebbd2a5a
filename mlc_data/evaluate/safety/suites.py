"""Published suites of safety prompts by name: layout, languages, labels, licence and citation, from `suites.json`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from math import isnan
from typing import Any, Self

from pydantic import Field, model_validator

from mlc_data.core.section import Section
from mlc_data.languages.flores import get_language

TABLE = "suites.json"

_WHOLE = re.compile(r"-?\d+\.0+")


class SuiteColumns(Section):
    """Names of a suite's columns; those of the prompt and the language are null in a wide suite."""

    prompt: str | None = None
    language: str | None = None
    id: str | None = None
    category: str | None = None


class Labels(Section):
    """Column that says which prompts should be answered.

    Attributes:
        column: its name.
        harmful: values of prompts that should be refused; empty means all others.
        harmless: values of prompts that should be answered.
    """

    column: str
    harmful: tuple[str, ...] = ()
    harmless: tuple[str, ...]

    def harmful_by(self, value: str | None) -> bool | None:
        """Return True if a prompt with this value should be refused, None if the value says nothing."""
        if value in self.harmless:
            return False
        if value in self.harmful or (value is not None and not self.harmful):
            return True
        return None


class Suite(Section):
    """A published suite of safety prompts.

    Attributes:
        name: name in recipes.
        title: name in its paper.
        hub: dataset on the Hub, read when neither ``path`` nor a local copy is named.
        config: its configuration.
        split: its split, or several joined by ``+``.
        wide: True if each language is a column, False if each row has one language.
        columns: names of its columns.
        numbered: True if translations of a prompt share no id, but their position among the rows of the
            same language and category.
        drop_suffixes: endings of categories that only some languages have.
        languages: FLORES-200 codes by the suite's names of languages.
        labels: column that tells harmful from harmless prompts; None if all are harmful.
        prompts: size in words.
        parallel: True if prompts are translations of each other.
        harmless: one sentence on the harmless half, or on its absence.
        licence: SPDX identifier; None if none was found on the publisher's page.
        home: address of the publisher's page.
        citation: the paper.
    """

    name: str
    title: str
    hub: str
    config: str | None = None
    split: str
    wide: bool = False
    columns: SuiteColumns
    numbered: bool = False
    drop_suffixes: tuple[str, ...] = ()
    languages: dict[str, str] = Field(min_length=1)
    labels: Labels | None = None
    prompts: str
    parallel: bool
    harmless: str
    licence: str | None
    home: str
    citation: str

    @model_validator(mode="after")
    def _known_languages(self) -> Self:
        for code in self.languages.values():
            get_language(code)
        return self

    @property
    def needed(self) -> tuple[str, ...]:
        """Columns that a file must have; of a wide suite, one language is enough."""
        columns = self.columns
        label = self.labels.column if self.labels else None
        return tuple(
            dict.fromkeys(
                name for name in (columns.prompt, columns.language, columns.id, label) if name
            )
        )

    @property
    def read(self) -> tuple[str, ...]:
        """Columns that are read, as far as a file has them."""
        optional = (*([self.columns.category] if self.columns.category else []),)
        return (*self.needed, *optional, *(self.languages if self.wide else ()))

    def texts(self, record: Mapping[str, Any]) -> Iterator[tuple[Any, Any]]:
        """Yield the name of a language and a text for each language of a row."""
        if not self.wide:
            yield record.get(str(self.columns.language)), record.get(str(self.columns.prompt))
            return
        for language in self.languages:
            if language in record:
                yield language, record[language]

    def category(self, record: Mapping[str, Any]) -> str | None:
        """Return a row's category, without the endings that only some languages have."""
        name = cell(record.get(self.columns.category)) if self.columns.category else None
        for ending in self.drop_suffixes:
            name = name.removesuffix(ending) if name else name
        return name

    def harmful(self, record: Mapping[str, Any]) -> bool | None:
        """Return True if a row's prompt should be refused, None if its label is missing or unknown."""
        if self.labels is None:
            return True
        same = self.labels.column == self.columns.category
        return self.labels.harmful_by(
            self.category(record) if same else cell(record.get(self.labels.column))
        )


def cell(value: Any) -> str | None:
    """Return a cell as text: whole numbers without ``.0``, None for blank cells and NaN."""
    if value is None or (isinstance(value, float) and isnan(value)):
        return None
    text = str(value).strip()
    if _WHOLE.fullmatch(text):
        text = text.partition(".")[0]
    return None if text.lower() in ("", "nan") else text


@cache
def suites() -> dict[str, Suite]:
    """Return all suites by name."""
    text = files(__package__).joinpath(TABLE).read_text(encoding="utf-8")
    return {one["name"]: Suite.model_validate(one) for one in json.loads(text)}
