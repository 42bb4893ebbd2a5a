"""Greedy replies of a model, in batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from mlc_data.core import progress
from mlc_data.core.memory import in_halves
from mlc_data.lm.prompt_format import PLAIN_PROMPT, PromptFormat
from mlc_data.lm.reply import Reply
from mlc_data.text.reasoning import OPENING, begins_reasoning

NEXT_TURN = "\n" + PLAIN_PROMPT.partition("{")[0].strip()
"""End of a reply without a chat template: the model continues as the user."""

_TAIL = 16
"""Tokens at the end of a prompt that show whether it begins reasoning; more than its mark can have."""


OnBatch = Callable[[Sequence[int], Sequence[Reply]], None]
"""Called after each batch with the positions of its prompts and their replies."""


@torch.no_grad()
def generate(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[str],
    on_batch: OnBatch,
    *,
    max_new_tokens: int = 128,
    batch_size: int = 32,
) -> None:
    """Answer every prompt by greedy search.

    Prompts are rendered with the model's chat template (`PromptFormat`), the longest first, so that
    running out of memory shows at once.

    Args:
        model: a causal language model of transformers.
        tokenizer: its tokenizer.
        prompts: one turn of the user each.
        on_batch: called after each batch.
        max_new_tokens: largest number of tokens of a reply.
        batch_size: largest number of replies at once.
    """
    form = PromptFormat(tokenizer)
    tokens = [form.tokens(prompt) for prompt in prompts]
    order = sorted(range(len(tokens)), key=lambda index: (-len(tokens[index]), index))
    training = model.training
    model.eval()
    try:
        with progress.bar("generating replies", len(order), "replies") as bar:
            for start in range(0, len(order), batch_size):
                batch = order[start : start + batch_size]
                rows = [tokens[index] for index in batch]
                replies = in_halves(lambda part: _answer(model, form, part, max_new_tokens), rows)
                on_batch(batch, replies)
                bar.advance(len(batch))
    finally:
        model.train(training)


def _answer(
    model: Any, form: PromptFormat, prompts: Sequence[Sequence[int]], limit: int
) -> list[Reply]:
    from transformers import GenerationConfig

    tokenizer, own = form.tokenizer, model.generation_config
    ends = own.eos_token_id if isinstance(own.eos_token_id, list) else [own.eos_token_id]
    ends = sorted({*ends, tokenizer.eos_token_id})
    width = max(map(len, prompts))
    ids = torch.tensor([[own.pad_token_id] * (width - len(row)) + list(row) for row in prompts])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in prompts])
    # Its own configuration: the model's sampling settings do not apply to greedy search.
    settings = GenerationConfig(
        max_new_tokens=limit, do_sample=False, eos_token_id=ends, pad_token_id=own.pad_token_id
    )
    stopping: dict[str, Any] = {}
    if form.kind == "plain":
        stopping = {"tokenizer": tokenizer, "stop_strings": [NEXT_TURN]}
    output = model.generate(
        input_ids=ids.to(model.device),
        attention_mask=mask.to(model.device),
        generation_config=settings,
        **stopping,
    )
    return [
        _reply(row[width:].tolist(), form, ends, begun=_begins_reasoning(prompt, form))
        for prompt, row in zip(prompts, output, strict=True)
    ]


def _begins_reasoning(prompt: Sequence[int], form: PromptFormat) -> bool:
    # Only a chat template begins it: in a plain prompt the mark is the user's own.
    return form.kind == "chat" and begins_reasoning(form.tokenizer.decode(list(prompt[-_TAIL:])))


def _reply(
    ids: list[int], form: PromptFormat, ends: Sequence[int], *, begun: bool = False
) -> Reply:
    # A row that ended before the others of its batch is padded.
    stops = {*ends, form.tokenizer.pad_token_id}
    end = next((place for place, token in enumerate(ids) if token in stops), None)
    own = ids if end is None else ids[:end]
    text = form.tokenizer.decode(own, skip_special_tokens=True)
    finished = end is not None
    if form.kind == "plain" and NEXT_TURN in text:
        text, finished = text.partition(NEXT_TURN)[0], True
    if not finished:
        # The limit may split the bytes of a character; the model did not write a broken one.
        text = text.removesuffix("\ufffd")
    text = text.strip()
    return Reply(OPENING + text if begun else text, len(own), finished)
