"""Format of prompts and preference pairs for a model: chats, or plain text without a chat template."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Literal
from weakref import WeakKeyDictionary

from jinja2 import TemplateError

log = logging.getLogger(__name__)

Tokens = list[int]

Context = Sequence[Mapping[str, str]]
"""Turns before a prompt: ``role`` (system, user, assistant) and ``content``."""

_SPEAKERS = {"system": "", "user": "User: ", "assistant": "Assistant: "}
_PROBE = "Answer in verse."
_REFUSED = (TemplateError, TypeError, LookupError)
"""Exceptions of chat templates that take other turns."""

PLAIN_PROMPT = "User: {prompt}\nAssistant:"
"""Format of a prompt for a model without a chat template; the reply follows after one blank."""


class LeftOut(StrEnum):
    """Reason why a preference pair is not trained on. A pair counts under its first reason."""

    HELD_OUT = "held_out"  # its prompt is in the test split
    TOO_LONG = "too_long"  # more tokens than `align.max_length`
    NO_COMPLETION = "no_completion"  # chosen and rejected give the same tokens
    NOT_RENDERED = "not_rendered"  # the chat template refuses its turns


class NotRendered(Exception):
    """A chat template refuses the turns of a prompt, such as two of the user in a row."""


class PromptFormat:
    """Renders prompts so that the sequence ends where the reply would begin.

    ``kind`` is ``chat`` where the tokenizer has a chat template (the turns of the context, the user's turn and the
    generation prefix), else ``plain`` (`PLAIN_PROMPT`); it is recorded in the manifest and the model card.

    Control tokens that a prompt or a reply quotes, such as ``<|im_end|>``, stay text: `break_control_tokens`.

    The context of a prompt are the turns before it, as mappings of ``role`` and ``content``. A template without
    system prompts gets that at the beginning of the first turn of the user. Turns that a template refuses raise
    `NotRendered`.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.kind: Literal["chat", "plain"] = "chat" if tokenizer.chat_template else "plain"
        self._folds_system: bool | None = None

    def tokens(self, prompt: str, context: Context = ()) -> Tokens:
        """Return the token ids up to and including the last one before the reply."""
        if self.kind == "chat":
            return self._chat(self.turns(prompt, context), add_generation_prompt=True)
        ids: Tokens = self.tokenizer(self._plain(prompt, context))["input_ids"]
        # Some tokenizers end every text with an end-of-text token; here the reply follows.
        return ids[:-1] if ids[-1] == self.tokenizer.eos_token_id else ids

    def pair(
        self, prompt: str, chosen: str, rejected: str, context: Context = ()
    ) -> dict[str, Any]:
        """Return a preference pair in the form that TRL tokenises in the same way."""
        chosen, rejected = map(self._text, (chosen, rejected))
        if self.kind == "chat":
            return {
                "prompt": self.turns(prompt, context),
                "chosen": [_turn("assistant", chosen)],
                "rejected": [_turn("assistant", rejected)],
            }
        return {
            "prompt": self._plain(prompt, context),
            "chosen": f" {chosen}",
            "rejected": f" {rejected}",
        }

    def whole(self, prompt: str, reply: str, context: Context = ()) -> Tokens:
        """Return the token ids of prompt and reply together, with the end-of-text token."""
        if self.kind == "chat":
            turns = [*self.turns(prompt, context), _turn("assistant", self._text(reply))]
            return self._chat(turns)
        text = f"{self._plain(prompt, context)} {self._text(reply)}{self.tokenizer.eos_token}"
        ids: Tokens = self.tokenizer(text)["input_ids"]
        return ids

    def turns(self, prompt: str, context: Context = ()) -> list[dict[str, str]]:
        """Return the turns of a prompt as the template is given them."""
        turns = [_turn(turn["role"], self._text(turn["content"])) for turn in context]
        turns.append(_turn("user", self._text(prompt)))
        system = [turn["content"] for turn in turns if turn["role"] == "system"]
        if not system or not self._without_system():
            return turns
        spoken = [turn for turn in turns if turn["role"] != "system"]
        first = next(turn for turn in spoken if turn["role"] == "user")
        first["content"] = "\n\n".join([*system, first["content"]])
        return spoken

    def _plain(self, prompt: str, context: Context) -> str:
        before = "".join(
            f"{_SPEAKERS[turn['role']]}{self._text(turn['content'])}\n" for turn in context
        )
        return before + PLAIN_PROMPT.format(prompt=self._text(prompt))

    def _text(self, text: str) -> str:
        return break_control_tokens(text, self.tokenizer)

    def _without_system(self) -> bool:
        """Return whether the template refuses system prompts, or leaves them out."""
        if self._folds_system is None:
            turns = [_turn("system", _PROBE), _turn("user", "Hi")]
            try:
                text = self.tokenizer.apply_chat_template(turns, tokenize=False)
            except _REFUSED:
                text = ""
            self._folds_system = _PROBE not in text
            if self._folds_system:
                log.warning(
                    "the chat template of %s has no system prompts: they begin the first turn of the user",
                    self.tokenizer.name_or_path,
                )
        return self._folds_system

    def _chat(self, turns: list[dict[str, str]], **options: Any) -> Tokens:
        try:
            rendered = self.tokenizer.apply_chat_template(
                turns, tokenize=True, return_dict=True, **options
            )
        except _REFUSED as error:
            raise NotRendered(str(error)) from error
        ids: Tokens = rendered["input_ids"]
        return ids


def break_control_tokens(text: str, tokenizer: Any) -> str:
    """Return a text with a blank within each of the tokenizer's control tokens (``< |im_end|>``).

    Only so do all tokenizers and trainers read them as text: where a vocabulary has them as pieces, the ways of
    transformers to encode them as text give the control tokens all the same. Control tokens are the special
    ones and added ones that the chat template writes.
    """
    present = {*text, " "}  # breaking a token adds blanks
    for token in _control_tokens(tokenizer):
        if token[0] in present:
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


_CONTROL: WeakKeyDictionary[Any, tuple[tuple[Any, ...], tuple[str, ...]]] = WeakKeyDictionary()
"""Control tokens by tokenizer, each with the state that it was read in: a vocabulary with thousands of added tokens
(Gemma) takes as long to read as many texts do."""


def _control_tokens(tokenizer: Any) -> tuple[str, ...]:
    """Return the control tokens that can be broken, longest first: one may be a part of another."""
    template, special = str(tokenizer.chat_template or ""), tuple(tokenizer.all_special_tokens)
    state = (template, special, len(tokenizer))
    known = _CONTROL.get(tokenizer)
    if known is not None and known[0] == state:
        return known[1]
    added = tokenizer.added_tokens_decoder.values()
    tokens = {one.content for one in added if one.special or one.content in template}
    # A single character, or white space, cannot be broken.
    found = [token for token in tokens | set(special) if len(token.strip()) > 1]
    _CONTROL[tokenizer] = state, tuple(sorted(found, key=len, reverse=True))
    return _CONTROL[tokenizer][1]


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
        context = row.get("context") or ()
        if row["prompt_id"] in held_out:
            left_out[LeftOut.HELD_OUT] += 1
            continue
        try:
            sequences = [form.whole(prompt, reply, context) for reply in (chosen, rejected)]
        except NotRendered:
            left_out[LeftOut.NOT_RENDERED] += 1
            continue
        if max(len(sequence) for sequence in sequences) > max_length:
            left_out[LeftOut.TOO_LONG] += 1
        elif sequences[0] == sequences[1]:
            left_out[LeftOut.NO_COMPLETION] += 1
        else:
            pairs.append(form.pair(prompt, chosen, rejected, context))
    return pairs, dict(sorted(left_out.items()))
