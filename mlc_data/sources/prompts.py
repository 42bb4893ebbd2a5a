"""Prompts of a source's rows, and the pairs that the rows carry.

A row is two records: a prompt, and a pair of responses where it has any. Each is judged by itself: a broken
response costs no prompt, and of rows with the same prompt all pairs are used.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from mlc_data.core.hashing import prompt_id
from mlc_data.core.records import Preference, Prompt, PromptReason, RejectedPrompt
from mlc_data.language_id.base import LanguageIdentifier
from mlc_data.recipe.sources import Columns, Sources
from mlc_data.sources.accounting import Read, Unusable, read_rows
from mlc_data.sources.conversations import conversation, prompt_text
from mlc_data.sources.decontaminate import EvaluationSet, find_copies
from mlc_data.sources.english import why_foreign
from mlc_data.sources.fields import has_words, name_of, visible
from mlc_data.sources.pairs import NO_RESPONSES, PairBuilder, Responses, read_responses
from mlc_data.sources.rows import CONVERSATIONS, OpenSource

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row:
    """A row whose prompt can be read.

    Attributes:
        prompt: the prompt, with the responses that are text.
        given: its text as it stands in the source, with what nobody sees.
        responses: what the row has of a pair.
        system: whether the prompt's system turns were left out.
    """

    prompt: Prompt
    given: str
    responses: Responses = NO_RESPONSES
    system: bool = False


@dataclass(frozen=True)
class Prompts:
    """Rows of a source of prompts: the prompts, and the pairs of those that were kept."""

    prompts: Read[Prompt]
    pairs: Read[Preference]


def row_of(number: int, record: Mapping[str, Any], columns: Columns, limit: int) -> Row:
    """Return a record's prompt and responses.

    Raises:
        Unusable: it has no prompt that can be used.
    """
    given, system = _prompt_of(record, columns)
    if given is None:
        raise Unusable(PromptReason.MISSING, f"{columns.prompt!r} is absent or null")
    text = visible(given)
    if not text.strip():
        raise Unusable(PromptReason.EMPTY, f"{columns.prompt!r} is empty")
    if len(text) > limit:
        raise Unusable(PromptReason.TOO_LONG, f"{len(text)} characters, the limit is {limit}")
    if not has_words(text):
        raise Unusable(PromptReason.NO_WORDS, f"{columns.prompt!r} has nothing to translate")
    responses = read_responses(record, columns, text)
    return Row(
        Prompt(
            prompt_id(text),
            text,
            name_of(record.get(columns.category)) if columns.category else None,
            responses.chosen,
            responses.rejected,
            number,
            name_of(record.get(columns.id)) if columns.id else None,
        ),
        given,
        responses,
        system,
    )


def _prompt_of(record: Mapping[str, Any], columns: Columns) -> tuple[str | None, bool]:
    """Return the prompt, and whether a system turn is left out; without a column of prompts, that which the
    conversations are about."""
    if columns.prompt in record:
        return prompt_text(record[columns.prompt], columns.prompt)
    responses = columns.responses or (columns.chosen, columns.rejected)
    for name in (*CONVERSATIONS, *responses):
        if name and conversation(record.get(name), name) is not None:
            text, system = prompt_text(record[name], name)
            if text is not None:
                return text, system
    return None, False


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
    columns, limit = settings.prompts.columns, settings.max_characters
    read = read_rows(
        source, settings.prompts, lambda number, record: row_of(number, record, columns, limit)
    )
    _warn_of_system_turns(source, read.kept)
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


def _warn_of_system_turns(source: OpenSource, rows: Sequence[Row]) -> None:
    if number := sum(row.system for row in rows):
        log.warning("%s: %d prompts have a system turn, which is left out", source.name, number)


def content_of(prompt: Prompt) -> dict[str, Any]:
    """Return what a prompt is; its row and its name there say only where it was found."""
    content = {**asdict(prompt), "row": 0}
    del content["source_id"]
    return content
