"""Rows of a source as prompts with what they carry of pairs, whatever their layout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from typing import Any

from mlc_data.core.hashing import prompt_id
from mlc_data.core.records import Prompt, PromptReason, Turn
from mlc_data.recipe.sources import Columns
from mlc_data.sources.accounting import Unusable
from mlc_data.sources.conversations import conversation
from mlc_data.sources.dialogue import (
    Dialogue,
    common_beginning,
    dialogue_of,
    explicit_prompt,
    shared_dialogue,
    with_context_of,
)
from mlc_data.sources.fields import has_words, is_absent, name_of, text_of, visible
from mlc_data.sources.pairs import NO_RESPONSES, Responses, read_responses
from mlc_data.sources.rows import CONVERSATIONS

_SHORTEST_BEGINNING = 2
"""Words that two responses begin with, from which on they are a prompt."""


@dataclass(frozen=True)
class Row:
    """A row whose prompt can be read.

    Attributes:
        prompt: the prompt, with the responses that are text.
        given: its text as it stands in the source, with what nobody sees.
        responses: what the row has of a pair.
        implicit: whether its prompt is what plain responses begin with.
    """

    prompt: Prompt
    given: str
    responses: Responses = NO_RESPONSES
    implicit: bool = False


@dataclass(frozen=True)
class RowReader:
    """Makes prompts of records.

    Attributes:
        columns: names of the recipe.
        limit: largest number of characters of a prompt, and of each turn before it.
        names: all columns of the source, as far as its format tells them.
    """

    columns: Columns
    limit: int
    names: tuple[str, ...] = ()

    def __call__(self, number: int, record: Mapping[str, Any]) -> Row:
        """Return a record's prompt and responses.

        Raises:
            Unusable: it has no prompt that can be used.
        """
        columns = self.columns
        begun = self._common_beginning(record)
        if begun:
            record = {**record, **begun}
        found = self._dialogue(record)
        if found.text is None:
            raise Unusable(PromptReason.MISSING, f"{columns.prompt!r} is absent or null")
        text = visible(found.text)
        self._refuse(text, found.context)
        responses = read_responses(record, columns, replace(found, text=text))
        prompt = Prompt(
            prompt_id(text, map(astuple, found.context)),
            text,
            name_of(record.get(columns.category)) if columns.category else None,
            responses.chosen,
            responses.rejected,
            number,
            name_of(record.get(columns.id)) if columns.id else None,
            found.context,
        )
        return Row(prompt, found.text, responses, bool(begun))

    def _refuse(self, text: str, context: Iterable[Turn]) -> None:
        name = self.columns.prompt
        if not text.strip():
            raise Unusable(PromptReason.EMPTY, f"{name!r} is empty")
        longest = max(len(text), *(len(turn.content) for turn in context), 0)
        if longest > self.limit:
            raise Unusable(
                PromptReason.TOO_LONG, f"{longest} characters, the limit is {self.limit}"
            )
        if not has_words(text):
            raise Unusable(PromptReason.NO_WORDS, f"{name!r} has nothing to translate")

    def _dialogue(self, record: Mapping[str, Any]) -> Dialogue:
        """Return the prompt; without a column of prompts, that which the conversations are about."""
        columns = self.columns
        responses = [
            (record.get(name), name)
            for name in (
                columns.chosen,
                columns.rejected,
                *(columns.responses or ()),
                columns.completion,
            )
            if name and not is_absent(record.get(name))
        ]
        value = record.get(columns.prompt)
        if is_absent(value):
            found = _conversation_of(record, responses)
        elif not responses:
            found = dialogue_of(value, columns.prompt, replied=True)
        else:
            found = explicit_prompt(value, columns.prompt)
            if conversation(value, columns.prompt) is None:
                found = _with_context(found, responses)
        return self._with_system(found, record)

    def _with_system(self, found: Dialogue, record: Mapping[str, Any]) -> Dialogue:
        name = self.columns.system
        text = text_of(record.get(name), name) if name else None
        if not text or not text.strip() or any(turn.role == "system" for turn in found.context):
            return found
        return replace(found, context=(Turn("system", visible(text)), *found.context))

    def _common_beginning(self, record: Mapping[str, Any]) -> dict[str, str]:
        """Return prompt and responses of a row of plain responses that begin alike, and of nothing else: TRL's
        implicit prompt in its standard form. Empty where the row is another."""
        columns = self.columns
        names = (columns.chosen, columns.rejected)
        allowed = {*names, columns.category, columns.id, "score_chosen", "score_rejected"}
        if not {*self.names, *record} <= allowed:
            return {}
        chosen, rejected = (record.get(name) if name else None for name in names)
        if not (isinstance(chosen, str) and isinstance(rejected, str)):
            return {}
        if any(conversation(text, "") is not None for text in (chosen, rejected)):
            return {}
        end = common_beginning(chosen, rejected)
        if len(chosen[:end].split()) < _SHORTEST_BEGINNING:
            return {}
        rest = {str(columns.chosen): chosen[end:], str(columns.rejected): rejected[end:]}
        return {columns.prompt: chosen[:end], **rest}


def _conversation_of(record: Mapping[str, Any], responses: Sequence[tuple[Any, str]]) -> Dialogue:
    """Return the prompt of a row without a column of prompts.

    Raises:
        Unusable: no field has one, and one that should is no conversation.
    """
    fault: Unusable | None = None
    for name in CONVERSATIONS:
        if is_absent(record.get(name)) or record[name] == []:
            continue
        try:
            found = dialogue_of(record[name], name, replied=True)
        except Unusable as unusable:
            # Some datasets have another layout there, and conversations in their responses.
            fault = fault or unusable
            continue
        if found.text is not None:
            return found
    found = shared_dialogue(responses)
    if found.text is None and fault:
        raise fault
    return found


def _with_context(found: Dialogue, responses: Iterable[tuple[Any, str]]) -> Dialogue:
    """Return a plain prompt with the turns that a conversation with its response has before it."""
    for value, name in responses:
        try:
            found = with_context_of(found, value, name)
        except Unusable:
            # The fault costs the pair, where the response is read.
            continue
        if found.context:
            break
    return found
