"""A source of preference pairs alone, and the question whether a recipe has any pair."""

from __future__ import annotations

from collections.abc import Sequence

from mlc_data.core.records import Preference, PromptReason
from mlc_data.errors import SourceError
from mlc_data.recipe.recipe import Recipe
from mlc_data.recipe.sources import Source
from mlc_data.sources.accounting import Read, Unusable, read_rows
from mlc_data.sources.decontaminate import EvaluationSet, find_copies
from mlc_data.sources.layouts import RowReader
from mlc_data.sources.pairs import PairBuilder
from mlc_data.sources.prompts import layout_of, report_layout
from mlc_data.sources.readers import open_source
from mlc_data.sources.rows import OpenSource, Wanted
from mlc_data.sources.selection import is_selected

KEY = "sources.preferences"


def read_preferences(
    source: OpenSource,
    settings: Source,
    limit: int,
    language: str = "eng_Latn",
    evaluations: Sequence[EvaluationSet] = (),
) -> Read[Preference]:
    """Read every row of ``source`` as a preference pair or a rejection, in order. Two rows of single
    completions, a good and a bad one, are one pair.

    Raises:
        SourceError: see `accounting.read_rows`.
    """
    reader = RowReader(settings.columns, limit, source.columns)
    read = read_rows(source, settings, reader, KEY)
    report_layout(source, layout_of(read.kept))
    copies = find_copies([row.prompt.prompt for row in read.kept], evaluations, language)
    pairs = PairBuilder()
    for row, copy in zip(read.kept, copies, strict=True):
        if copy:
            pairs.reject(row.prompt, PromptReason.CONTAMINATED, copy)
        elif row.responses.present:
            pairs.add(row.prompt, row.responses)
        else:
            pairs.reject(row.prompt, PromptReason.MISSING, "no chosen and rejected response")
    found = pairs.read
    rejected = sorted([*read.rejected, *found.rejected], key=lambda row: row.row)
    return Read(len(found.kept) + len(rejected), found.kept, rejected)


def require_pairs(recipe: Recipe) -> None:
    """Check that the sources have at least one preference pair, reading no further than the first.

    Raises:
        SourceError: there is none, or the source cannot be read.
    """
    sources = recipe.sources
    settings = sources.preferences or sources.prompts
    key = KEY if sources.preferences else "sources.prompts"
    source = open_source(settings, key, Wanted.of(settings.columns, settings.where))
    reader = RowReader(settings.columns, sources.max_characters, source.columns)
    pairs = PairBuilder()
    for raw in source.rows():
        try:
            if raw.record is not None and is_selected(raw.record, settings.where):
                row = reader(raw.row, raw.record)
                if pairs.add(row.prompt, row.responses):
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
