"""Preference pairs: a prompt with a chosen and a rejected response."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mlc_data.core.hashing import normalise
from mlc_data.core.messages import shown
from mlc_data.core.records import Preference, Prompt, PromptReason, RejectedPrompt
from mlc_data.recipe.sources import Columns
from mlc_data.sources.accounting import Read, Unusable
from mlc_data.sources.conversations import response_text
from mlc_data.sources.fields import index_of, is_absent, visible


@dataclass(frozen=True)
class Responses:
    """Responses of a row.

    Attributes:
        present: whether it has anything where responses belong; a row without is a prompt alone.
        chosen: the better response, if it is text.
        rejected: the worse response, if it is text.
        fault: why they are no pair.
    """

    present: bool = False
    chosen: str | None = None
    rejected: str | None = None
    fault: Unusable | None = None


NO_RESPONSES = Responses()


def read_responses(record: Mapping[str, Any], columns: Columns, prompt: str) -> Responses:
    """Return the responses to a prompt; a fault in one of them leaves the other."""
    names: tuple[str | None, ...] = (columns.chosen, columns.rejected)
    fault: Unusable | None = None
    if columns.responses and columns.chosen_index:
        names = columns.responses
        value = record.get(columns.chosen_index)
        index = index_of(value)
        if index == 1:
            names = names[::-1]
        elif index is None:
            detail = f"{columns.chosen_index!r} is {shown(value)}, not 0 or 1"
            fault = Unusable(PromptReason.MALFORMED, detail)
    values = [record.get(name) if name else None for name in names]
    if all(is_absent(value) for value in values):
        return NO_RESPONSES
    if fault:
        return Responses(True, fault=fault)
    texts: list[str | None] = []
    for name, value in zip(names, values, strict=True):
        try:
            texts.append(response_text(value, name, prompt) if name else None)
        except Unusable as unusable:
            texts.append(None)
            fault = fault or unusable
    chosen, rejected = texts
    return Responses(True, chosen, rejected, fault or _fault(chosen, rejected))


def _fault(chosen: str | None, rejected: str | None) -> Unusable | None:
    if chosen is None or rejected is None:
        absent = " and ".join(
            name for name, text in (("chosen", chosen), ("rejected", rejected)) if text is None
        )
        return Unusable(PromptReason.MISSING, f"no {absent} response")
    if normalise(visible(chosen)) == normalise(visible(rejected)):
        return Unusable(PromptReason.SAME_RESPONSES, "chosen and rejected are the same text")
    return None


def pair_of(prompt: Prompt, responses: Responses) -> Preference:
    """Return the pair of a prompt and its responses.

    Raises:
        Unusable: they are no pair.
    """
    fault = responses.fault or _fault(responses.chosen, responses.rejected)
    if fault or responses.chosen is None or responses.rejected is None:
        raise fault or Unusable(PromptReason.MISSING)
    return Preference(
        prompt.prompt_id, prompt.prompt, responses.chosen, responses.rejected, prompt.category
    )


class PairBuilder:
    """Collects pairs, each once, and counts those that are rejected."""

    def __init__(self) -> None:
        self._kept: list[Preference] = []
        self._rejected: list[RejectedPrompt] = []
        self._seen: set[tuple[str, ...]] = set()

    @property
    def read(self) -> Read[Preference]:
        """Pairs kept and rejected so far."""
        return Read(len(self._kept) + len(self._rejected), self._kept, self._rejected)

    def add(self, prompt: Prompt, responses: Responses) -> Preference | None:
        """Keep or reject the pair of a row; return it if it is kept. A row without responses is no pair."""
        if not responses.present:
            return None
        try:
            pair = self.new(pair_of(prompt, responses))
        except Unusable as unusable:
            self._rejected.append(
                RejectedPrompt(prompt.row, unusable.reason, unusable.detail, prompt.prompt)
            )
            return None
        self._kept.append(pair)
        return pair

    def new(self, pair: Preference) -> Preference:
        """Return the pair if none before it is alike.

        Raises:
            Unusable: one is.
        """
        texts = (pair.prompt_id, *(normalise(visible(one)) for one in (pair.chosen, pair.rejected)))
        if texts in self._seen:
            raise Unusable(PromptReason.DUPLICATE, "of an earlier pair")
        self._seen.add(texts)
        return pair
