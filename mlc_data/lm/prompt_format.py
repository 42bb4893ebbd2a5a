"""Format of prompts and preference pairs for a model: chats, or plain text without a chat template."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Literal

Tokens = list[int]

PLAIN_PROMPT = "User: {prompt}\nAssistant:"
"""Format of a prompt for a model without a chat template; the reply follows after one blank."""


class LeftOut(StrEnum):
    """Reason why a preference pair is not trained on. A pair counts under its first reason."""

    HELD_OUT = "held_out"  # its prompt is in the test split
    TOO_LONG = "too_long"  # more tokens than `align.max_length`
    NO_COMPLETION = "no_completion"  # chosen and rejected give the same tokens


class PromptFormat:
    """Renders prompts so that the sequence ends where the reply would begin.

    ``kind`` is ``chat`` where the tokenizer has a chat template (one user turn and the generation
    prefix), else ``plain`` (`PLAIN_PROMPT`); it is recorded in the manifest and the model card.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.kind: Literal["chat", "plain"] = "chat" if tokenizer.chat_template else "plain"

    def tokens(self, prompt: str) -> Tokens:
        """Return the token ids up to and including the last one before the reply."""
        if self.kind == "chat":
            return self._chat([_turn("user", prompt)], add_generation_prompt=True)
        ids: Tokens = self.tokenizer(PLAIN_PROMPT.format(prompt=prompt))["input_ids"]
        # Some tokenizers end every text with an end-of-text token; here the reply follows.
        return ids[:-1] if ids[-1] == self.tokenizer.eos_token_id else ids

    def pair(self, prompt: str, chosen: str, rejected: str) -> dict[str, Any]:
        """Return a preference pair in the form that TRL tokenises in the same way."""
        if self.kind == "chat":
            return {
                "prompt": [_turn("user", prompt)],
                "chosen": [_turn("assistant", chosen)],
                "rejected": [_turn("assistant", rejected)],
            }
        return {
            "prompt": PLAIN_PROMPT.format(prompt=prompt),
            "chosen": f" {chosen}",
            "rejected": f" {rejected}",
        }

    def whole(self, prompt: str, reply: str) -> Tokens:
        """Return the token ids of prompt and reply together, with the end-of-text token."""
        if self.kind == "chat":
            return self._chat([_turn("user", prompt), _turn("assistant", reply)])
        text = f"{PLAIN_PROMPT.format(prompt=prompt)} {reply}{self.tokenizer.eos_token}"
        ids: Tokens = self.tokenizer(text)["input_ids"]
        return ids

    def _chat(self, turns: list[dict[str, str]], **options: Any) -> Tokens:
        rendered = self.tokenizer.apply_chat_template(
            turns, tokenize=True, return_dict=True, **options
        )
        ids: Tokens = rendered["input_ids"]
        return ids


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def select_pairs(
    rows: Iterable[Mapping[str, Any]],
    form: PromptFormat,
    max_length: int,
    held_out: frozenset[str] = frozenset(),
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Return the pairs to train on, and the number left out by `LeftOut`.

    Args:
        rows: rows of `records.PREFERENCES`.
        form: renders the prompts.
        max_length: largest number of tokens of prompt and response together; a longer pair is left out, never
            truncated.
        held_out: ids of prompts that must not be trained on.
    """
    pairs: list[dict[str, Any]] = []
    left_out: Counter[str] = Counter()
    for row in rows:
        prompt, chosen, rejected = row["prompt"], row["chosen"], row["rejected"]
        if row["prompt_id"] in held_out:
            left_out[LeftOut.HELD_OUT] += 1
            continue
        sequences = [form.whole(prompt, chosen), form.whole(prompt, rejected)]
        if max(len(sequence) for sequence in sequences) > max_length:
            left_out[LeftOut.TOO_LONG] += 1
        elif sequences[0] == sequences[1]:
            left_out[LeftOut.NO_COMPLETION] += 1
        else:
            pairs.append(form.pair(prompt, chosen, rejected))
    return pairs, dict(sorted(left_out.items()))
