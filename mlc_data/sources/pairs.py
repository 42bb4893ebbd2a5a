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
from mlc_data.sources.dialogue import Dialogue, response_text
from mlc_data.sources.fields import index_of, is_absent, label_of, visible
from mlc_data.sources.rows import INDEXED, INDICES


@dataclass(frozen=True)
class Responses:
    """Responses of a row.

    Attributes:
        present: whether it has anything where responses belong; a row without is a prompt alone.
        chosen: the better response, if it is text.
        rejected: the worse response, if it is text.
        fault: why they are no pair.
        good: for a single completion (KTO), whether it is a good one.
    """

    present: bool = False
    chosen: str | None = None
    rejected: str | None = None
    fault: Unusable | None = None
    good: bool | None = None


NO_RESPONSES = Responses()


def read_responses(record: Mapping[str, Any], columns: Columns, prompt: Dialogue) -> Responses:
    """Return the responses to a prompt; a fault in one of them leaves the other."""
    pair = (columns.chosen, columns.rejected)
    indexed = columns.responses, columns.chosen_index
    if indexed == (None, None) and not any(name in record for name in pair):
        if (completion := _completion(record, columns, prompt)) is not None:
            return completion
        indexed = _known_index(record)
    names: tuple[str | None, ...] = pair
    fault: Unusable | None = None
    if indexed[0] and indexed[1]:
        names = indexed[0]
        value = record.get(indexed[1])
        index = index_of(value)
        if index == 1:
            names = names[::-1]
        elif index is None:
            fault = Unusable(
                PromptReason.MALFORMED, f"{indexed[1]!r} is {shown(value)}, not 0 or 1"
            )
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


def _known_index(record: Mapping[str, Any]) -> tuple[tuple[str, str] | None, str | None]:
    index = next((name for name in INDICES if name in record), None)
    return (INDEXED, index) if index and all(name in record for name in INDEXED) else (None, None)


def _completion(record: Mapping[str, Any], columns: Columns, prompt: Dialogue) -> Responses | None:
    """Return the one completion of a row with a label, good or bad; None where there is none."""
    name, label = columns.completion, columns.label
    if name is None or label is None or label not in record or is_absent(record.get(name)):
        return None
    good = label_of(record[label])
    if good is None:
        detail = f"{label!r} is {record[label]!r}, neither good nor bad"
        return Responses(True, fault=Unusable(PromptReason.MALFORMED, detail))
    try:
        text = response_text(record[name], name, prompt)
    except Unusable as unusable:
        return Responses(True, fault=unusable)
    if text is None:
        return Responses(True, fault=Unusable(PromptReason.MISSING, f"no {name}"))
    chosen, rejected = (text, None) if good else (None, text)
    return Responses(True, chosen, rejected, good=bool(good))


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
        prompt.prompt_id,
        prompt.prompt,
        responses.chosen,
        responses.rejected,
        prompt.category,
        prompt.context,
    )


class Completions:
    """Joins good and bad completions of a prompt (KTO's rows) to pairs, in order: the first good with the first
    bad one."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, bool], list[tuple[Prompt, Responses]]] = {}

    def join(self, prompt: Prompt, responses: Responses) -> Responses | None:
        """Return the pair of a completion with one that waits for it; None if it has to wait itself."""
        assert responses.good is not None
        waiting = self._waiting.get((prompt.prompt_id, not responses.good))
        if not waiting:
            own = (prompt.prompt_id, responses.good)
            self._waiting.setdefault(own, []).append((prompt, responses))
            return None
        other = waiting.pop(0)[1]
        chosen = responses.chosen or other.chosen
        rejected = responses.rejected or other.rejected
        return Responses(True, chosen, rejected, _fault(chosen, rejected))

    @property
    def unpaired(self) -> list[Prompt]:
        """Prompts of the completions that still wait, in order of their rows."""
        rows = [prompt for waiting in self._waiting.values() for prompt, _ in waiting]
        return sorted(rows, key=lambda prompt: prompt.row)


class PairBuilder:
    """Collects pairs, each once, and counts those that are rejected."""

    def __init__(self) -> None:
        self._kept: list[Preference] = []
        self._rejected: list[RejectedPrompt] = []
        self._seen: set[tuple[str, ...]] = set()
        self._completions = Completions()

    @property
    def read(self) -> Read[Preference]:
        """Pairs kept and rejected so far; completions without a counterpart are rejected."""
        unpaired = [
            RejectedPrompt(
                prompt.row,
                PromptReason.UNPAIRED,
                "no completion of the prompt has the other label",
                prompt.prompt,
            )
            for prompt in self._completions.unpaired
        ]
        rejected = sorted([*self._rejected, *unpaired], key=lambda row: row.row)
        return Read(len(self._kept) + len(rejected), self._kept, rejected)

    def add(self, prompt: Prompt, responses: Responses) -> Preference | None:
        """Keep or reject the pair of a row; return it if it is kept. A row without responses is no pair."""
        if not responses.present:
            return None
        if responses.good is not None:
            joined = self._completions.join(prompt, responses)
            if joined is None:
                return None
            responses = joined
        try:
            pair = self._new(pair_of(prompt, responses))
        except Unusable as unusable:
            self.reject(prompt, unusable.reason, unusable.detail)
            return None
        self._kept.append(pair)
        return pair

    def reject(self, prompt: Prompt, reason: PromptReason, detail: str) -> None:
        """Reject the pair of a row."""
        self._rejected.append(RejectedPrompt(prompt.row, reason, detail, prompt.prompt))

    def _new(self, pair: Preference) -> Preference:
        texts = (pair.prompt_id, *(normalise(visible(one)) for one in (pair.chosen, pair.rejected)))
        if texts in self._seen:
            raise Unusable(PromptReason.DUPLICATE, "of an earlier pair")
        self._seen.add(texts)
        return pair
