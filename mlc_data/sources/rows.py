"""Rows as they stand in a source, and the columns of them that are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlc_data.core.records import PromptReason
from mlc_data.recipe.sources import Columns
from mlc_data.sources.selection import is_number

INDEXED = ("response_0", "response_1")
INDICES = ("safer_response_id", "better_response_id")
"""Columns of PKU-SafeRLHF, which are known without being named; the safer response wins."""

CONVERSATIONS = ("messages", "conversations", "conversation")
"""Columns that are looked at where a source has no column of prompts."""


def response_columns(columns: Columns) -> tuple[str, ...]:
    """Return the names of all columns that responses may be in."""
    named = (columns.chosen, columns.rejected, *(columns.responses or ()), columns.chosen_index)
    known = (*INDEXED, *INDICES, columns.completion, columns.label)
    return tuple(name for name in (*named, *known) if name)


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row as it is in its source.

    ``row`` counts from 1; ``where`` is its place for a human reader ("line 7"). A row without a
    record has ``record`` None and a reason.
    """

    row: int
    where: str
    record: Mapping[str, Any] | None
    reason: PromptReason | None = None
    detail: str = ""


@dataclass(frozen=True)
class OpenSource:
    """A source that can be read.

    Attributes:
        name: where it is.
        identity: what it is, for keys and lineage.
        rows: reads it from the start.
        columns: names of all its columns, where its format tells them before its rows; a record has
            only those that are wanted.
    """

    name: str
    identity: Mapping[str, Any]
    rows: Callable[[], Iterator[RawRow]]
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """Columns that a reader needs; the others are never touched.

    Attributes:
        prompt: column of the prompts.
        others: further columns, as far as the source has them.
        numbers: columns whose values are numbers, though they may have names.
    """

    prompt: str
    others: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()

    @classmethod
    def of(cls, columns: Columns, where: Mapping[str, Any] | None = None) -> Wanted:
        """Return what a recipe's columns name, and the columns that rows are selected by."""
        selected = [name for column in where or {} for name in (column, column.split(".")[0])]
        others = (
            columns.category, columns.id, columns.system, *response_columns(columns), *selected
        )  # fmt: skip
        numbers = [name for name, value in (where or {}).items() if is_number(value)]
        label = columns.label if columns.label not in (where or {}) else None
        indices = (columns.chosen_index, label)
        return cls(
            columns.prompt,
            tuple(dict.fromkeys(one for one in others if one)),
            tuple(one for one in (*indices, *numbers) if one),
        )

    def among(self, names: Iterable[str]) -> list[str]:
        """Return the wanted columns of a source that has these, each once."""
        there = set(names)
        first = (self.prompt,) if self.prompt in there else CONVERSATIONS
        return [name for name in dict.fromkeys((*first, *self.others)) if name in there]
