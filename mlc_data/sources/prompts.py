"""Prompts of a source's rows, and the pairs that the rows carry.

A row is two records: a prompt, and a pair of responses where it has any. Each is judged by itself: a broken
response costs no prompt, and of rows with the same prompt all pairs are used.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
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
from mlc_data.sources.accounting import Read, Reading
from mlc_data.sources.decontaminate import EvaluationSet, find_copies
from mlc_data.sources.english import warn_unless_recognised, why_foreign
from mlc_data.sources.layouts import Row, RowReader
from mlc_data.sources.pairs import PairBuilder
from mlc_data.sources.rows import OpenSource
from mlc_data.sources.seen import SeenPrompts

log = logging.getLogger(__name__)


AT_ONCE = 2_000
"""Rows that are read together."""


@dataclass(frozen=True)
class Batch:
    """Prompts, rejected rows and pairs of some rows of a source.

    Attributes:
        kept: prompts, in order.
        rejected: the other rows, in order.
        paired: first usable pair by the id of a prompt kept so far that had none: of another row that has it.
    """

    kept: list[Prompt] = field(default_factory=list)
    rejected: list[RejectedPrompt] = field(default_factory=list)
    paired: dict[str, Preference] = field(default_factory=dict)


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
    """Return every row of ``source`` as a prompt or a rejection, in order, with the pairs of kept prompts.

    Raises:
        SourceError: see `accounting.Reading`.
    """
    reader = PromptReader(source, settings, language, identifier, evaluations)
    kept: dict[str, Prompt] = {}
    rejected: list[RejectedPrompt] = []
    for batch in reader.batches():
        kept |= {prompt.prompt_id: prompt for prompt in batch.kept}
        kept |= {name: with_pair(kept[name], pair) for name, pair in batch.paired.items()}
        rejected += batch.rejected
    return Prompts(Read(reader.read, list(kept.values()), rejected), reader.pairs.read)


class PromptReader:
    """Reads a source of prompts, batch by batch. Besides the pairs no rows are in memory as a whole.

    Without an identifier no row is rejected for its language.
    """

    def __init__(
        self,
        source: OpenSource,
        settings: Sources,
        language: str,
        identifier: LanguageIdentifier | None,
        evaluations: Sequence[EvaluationSet] = (),
    ) -> None:
        self._source, self._settings, self._language = source, settings, language
        self._identifier, self._evaluations = identifier, evaluations
        reader = RowReader(settings.prompts.columns, settings.max_characters, source.columns)
        self._reading = Reading(source, settings.prompts, reader)
        self.pairs = PairBuilder()

    @property
    def read(self) -> int:
        """Number of rows so far."""
        return self._reading.read

    def batches(self) -> Iterator[Batch]:
        """Yield what became of the rows, in order.

        Raises:
            SourceError: see `accounting.Reading`.
        """
        warn_unless_recognised(self._language, self._identifier)
        layout: Counter[str] = Counter()
        with closing(SeenPrompts()) as seen:
            for rows, rejected in self._reading.batches(AT_ONCE):
                layout += layout_of(rows)
                yield self._batch(rows, rejected, seen)
        report_layout(self._source, layout)

    def _batch(
        self, rows: Sequence[Row], rejected: Sequence[RejectedPrompt], seen: SeenPrompts
    ) -> Batch:
        texts = [row.prompt.prompt for row in rows]
        foreign = why_foreign(texts, self._settings, self._language, self._identifier)
        copies = find_copies(texts, self._evaluations, self._language)
        batch = Batch(rejected=list(rejected))
        for row, other, copy in zip(rows, foreign, copies, strict=True):
            prompt = row.prompt
            first = None if other else seen.find(prompt) if copy else seen.add(prompt)
            if other:
                reason, detail = PromptReason.NOT_ENGLISH, other
            elif first:
                reason, detail = PromptReason.DUPLICATE, f"of row {first}"
            elif copy:
                reason, detail = PromptReason.CONTAMINATED, copy
            else:
                batch.kept.append(prompt)
                self.pairs.add(prompt, row.responses)
                continue
            batch.rejected.append(RejectedPrompt(prompt.row, reason, detail, row.given))
            if first and (pair := self.pairs.add(prompt, row.responses)) and seen.pair(prompt):
                batch.paired[prompt.prompt_id] = pair
        batch.rejected.sort(key=lambda one: one.row)
        return batch


def with_pair(prompt: Prompt, pair: Preference) -> Prompt:
    """Return a prompt with the pair of another row that has it."""
    return replace(prompt, chosen=pair.chosen, rejected=pair.rejected)


def layout_of(rows: Sequence[Row]) -> Counter[str]:
    """Return how many rows have earlier turns (``context``) or a prompt that is none of its own (``implicit``)."""
    return Counter(
        context=sum(bool(row.prompt.context) for row in rows),
        implicit=sum(row.implicit for row in rows),
    )


def report_layout(source: OpenSource, layout: Mapping[str, int]) -> None:
    """Log what was read out of the layout rather than out of named columns, see `layout_of`."""
    if number := layout["context"]:
        log.info(
            "%s: %d prompts have a system prompt or earlier turns, which are kept",
            source.name,
            number,
        )
    if number := layout["implicit"]:
        log.warning(
            "%s: there is no column of prompts; %d prompts are what chosen and rejected begin with",
            source.name, number,
        )  # fmt: skip


def content_of(prompt: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a prompt (a row of `records.PROMPTS`) is; its row and its name there say only where it was found."""
    content = {**prompt, "row": 0}
    del content["source_id"]
    return content_of_row(content)
