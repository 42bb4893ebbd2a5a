"""A source of preference pairs alone, and the question whether a recipe has any pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlc_data.core.records import Preference, PromptReason
from mlc_data.errors import SourceError
from mlc_data.recipe.recipe import Recipe
from mlc_data.recipe.sources import Source
from mlc_data.sources.accounting import Read, Unusable, read_rows
from mlc_data.sources.decontaminate import EvaluationSet, find_copies
from mlc_data.sources.pairs import PairBuilder, pair_of
from mlc_data.sources.prompts import row_of
from mlc_data.sources.readers import open_source
from mlc_data.sources.rows import OpenSource, Wanted

KEY = "sources.preferences"


def read_preferences(
    source: OpenSource,
    settings: Source,
    limit: int,
    language: str = "eng_Latn",
    evaluations: Sequence[EvaluationSet] = (),
) -> Read[Preference]:
    """Read every row of ``source`` as a preference pair or a rejection, in order.

    Raises:
        SourceError: see `accounting.read_rows`.
    """
    pairs = PairBuilder()

    def make(number: int, record: Mapping[str, Any]) -> Preference:
        row = row_of(number, record, settings.columns, limit)
        pair = pair_of(row.prompt, row.responses)
        if copy := next(find_copies([pair.prompt], evaluations, language)):
            raise Unusable(PromptReason.CONTAMINATED, copy)
        return pairs.new(pair)

    return read_rows(source, settings, make, KEY)


def require_pairs(recipe: Recipe) -> None:
    """Check that the sources have at least one preference pair, reading no further than the first.

    Raises:
        SourceError: there is none, or the source cannot be read.
    """
    sources = recipe.sources
    settings = sources.preferences or sources.prompts
    key = KEY if sources.preferences else "sources.prompts"
    source = open_source(settings, key, Wanted.of(settings.columns))
    for raw in source.rows():
        try:
            if raw.record is not None:
                row = row_of(raw.row, raw.record, settings.columns, sources.max_characters)
                pair_of(row.prompt, row.responses)
                return
        except Unusable:
            continue
    columns = settings.columns
    raise SourceError(
        f"{source.name} has no row with a prompt and two different responses, so there is nothing to train on: "
        f"name the columns of the responses ({key}.columns.chosen is {columns.chosen!r}, "
        f"{key}.columns.rejected is {columns.rejected!r}), or a file of pairs in sources.preferences. "
        "`mlc-data sets` builds variant sets without pairs"
    )
