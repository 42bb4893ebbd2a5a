"""Which columns of the stages' tables are made from which: for the column lineage of OpenLineage."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from mlc_data.core.records import KEYS, TRANSLATIONS, VARIANTS
from mlc_data.recipe.recipe import Columns

PROMPTS = "prompts.parquet"
PREFERENCES = "preferences.parquet"
TRANSLATED = "translations"
SCORES = "scores/scores.parquet"
ATTEMPTS = "rescue/attempts.parquet"
KEPT = "variants/variants.parquet"
REJECTED = "rejected/variants.parquet"
SETS = "sets"

Origins = dict[str, list[tuple[str, str]]]
"""By column the columns that it is made from, each with its table."""

_TEXTS = ("text", "source", "back_translation")


def origins(table: str, columns: Iterable[str], inputs: Mapping[str, Collection[str]]) -> Origins:
    """Where the columns of one of our tables come from; those that are not known are left out.

    Args:
        table: as `PROMPTS` and the others name it.
        columns: that it has.
        inputs: tables that the stage has read, with their columns.
    """
    found = {column: _of(table, column) for column in columns}
    return {
        column: known
        for column, all_of_it in found.items()
        if (known := [(name, one) for name, one in all_of_it if one in inputs.get(name, ())])
    }


def source_origins(source: str, columns: Columns) -> Origins:
    """Where the columns of `PROMPTS` or `PREFERENCES` come from, by the recipe's mapping."""
    named: dict[str, list[str | None]] = {
        "prompt_id": [columns.prompt],
        "prompt": [columns.prompt],
        "category": [columns.category],
        "chosen": [columns.chosen],
        "rejected": [columns.rejected],
    }
    if columns.responses and columns.chosen_index:
        both: list[str | None] = [*columns.responses, columns.chosen_index]
        named |= {"chosen": both, "rejected": both}
    return {
        column: [(source, one) for one in found if one is not None]
        for column, found in named.items()
        if any(one is not None for one in found)
    }


def _of(table: str, column: str) -> list[tuple[str, str]]:
    if table == TRANSLATED:
        return _translated().get(column, [])
    if table == SCORES:
        return _scored(column)
    if table == ATTEMPTS:
        return [(TRANSLATED, column)] if column in KEYS else [(TRANSLATED, "source")]
    if table in (KEPT, REJECTED):
        return _judged(column)
    if table == SETS:
        return _assembled().get(column, [])
    return []


def _translated() -> Mapping[str, list[tuple[str, str]]]:
    made = {name: [(PROMPTS, "prompt")] for name in ("source", *_TEXTS, "segments")}
    return {**made, "prompt_id": [(PROMPTS, "prompt_id")]}


def _scored(column: str) -> list[tuple[str, str]]:
    names = [column] if column in KEYS else _TEXTS
    return [(TRANSLATED, name) for name in names]


def _judged(column: str) -> list[tuple[str, str]]:
    if column in KEYS:
        return [(TRANSLATED, column)]
    if column in TRANSLATIONS:
        return [(TRANSLATED, column), (ATTEMPTS, column)]
    if column in VARIANTS:
        return [(ATTEMPTS, column)]
    return [(SCORES, column), (ATTEMPTS, column)]


def _assembled() -> Mapping[str, list[tuple[str, str]]]:
    same = ("prompt_id", "prompt", "category", "chosen", "rejected")
    return {
        **{name: [(PROMPTS, name)] for name in same},
        "variants": [(KEPT, "language"), (KEPT, "text")],
        "missing": [(KEPT, "language")],
    }
