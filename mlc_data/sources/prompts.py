"""Prompts of a source's rows, and the pairs that the rows carry.

A row is two records: a prompt, and a pair of responses where it has any. Each is judged by itself: a broken
response costs no prompt, and of rows with the same prompt all pairs are used.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from mlc_data.core.records import (
    Preference,
    Prompt,
    PromptReason,
    RejectedPrompt,
    content_of_row,
)
from mlc_data.language_id.base import LanguageIdentifier
from mlc_data.recipe.sources import Sources
from mlc_data.sources.accounting import Read, read_rows
from mlc_data.sources.decontaminate import EvaluationSet, find_copies
from mlc_data.sources.english import why_foreign
from mlc_data.sources.layouts import Row, RowReader
from mlc_data.sources.pairs import PairBuilder
from mlc_data.sources.rows import OpenSource

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Prompts:
    """Rows of a source of prompts: the prompts, and the pairs of those that were kept."""

    prompts: Read[Prompt]
    pairs: Read[Preference]


def read_prompts(
    source: OpenSource,
    settings: Sources,
    language: str,
    identifier: LanguageIdentifier | None,
    evaluations: Sequence[EvaluationSet] = (),
) -> Prompts:
    """Read every row of ``source`` as a prompt or a rejection, in order, with the pairs of kept prompts.

    Without an identifier no row is rejected for its language.

    Raises:
        SourceError: see `accounting.read_rows`.
    """
    reader = RowReader(settings.prompts.columns, settings.max_characters, source.columns)
    read = read_rows(source, settings.prompts, reader)
    report_layout(source, read.kept)
    texts = [row.prompt.prompt for row in read.kept]
    foreign = why_foreign(texts, settings, language, identifier)
    copies = find_copies(texts, evaluations, language)
    kept: dict[str, Prompt] = {}
    rejected = list(read.rejected)
    pairs = PairBuilder()
    for row, other, copy in zip(read.kept, foreign, copies, strict=True):
        prompt = row.prompt
        if other:
            reason, detail = PromptReason.NOT_ENGLISH, other
        elif first := kept.get(prompt.prompt_id):
            reason, detail = PromptReason.DUPLICATE, f"of row {first.row}"
        elif copy:
            reason, detail = PromptReason.CONTAMINATED, copy
        else:
            kept[prompt.prompt_id] = prompt
            pairs.add(prompt, row.responses)
            continue
        rejected.append(RejectedPrompt(prompt.row, reason, detail, row.given))
        if reason == PromptReason.DUPLICATE and (pair := pairs.add(prompt, row.responses)):
            kept[prompt.prompt_id] = _with_pair(kept[prompt.prompt_id], pair)
    rejected.sort(key=lambda row: row.row)
    return Prompts(Read(read.read, list(kept.values()), rejected), pairs.read)


def _with_pair(prompt: Prompt, pair: Preference) -> Prompt:
    """Return a prompt with the first usable pair of the rows that have it."""
    if prompt.chosen and prompt.rejected:
        return prompt
    return replace(prompt, chosen=pair.chosen, rejected=pair.rejected)


def report_layout(source: OpenSource, rows: Sequence[Row]) -> None:
    """Log what was read out of the layout rather than out of named columns."""
    if number := sum(bool(row.prompt.context) for row in rows):
        log.info(
            "%s: %d prompts have a system prompt or earlier turns, which are kept",
            source.name,
            number,
        )
    if number := sum(row.implicit for row in rows):
        log.warning(
            "%s: there is no column of prompts; %d prompts are what chosen and rejected begin with",
            source.name, number,
        )  # fmt: skip


def content_of(prompt: Prompt) -> dict[str, Any]:
    """Return what a prompt is; its row and its name there say only where it was found."""
    content = {**asdict(prompt), "row": 0}
    del content["source_id"]
    return content_of_row(content)
