"""Perplexity of given text under a model, as a measure of what alignment costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from mlc_data.core import progress
from mlc_data.core.memory import in_halves
from mlc_data.errors import MlcDataError
from mlc_data.lm.batching import by_length, pad_right
from mlc_data.lm.prompt_format import break_control_tokens


@dataclass(frozen=True)
class Perplexity:
    """Perplexity of texts under a model.

    Attributes:
        perplexity: exp of the mean negative log-probability per token, over all tokens of all texts.
        texts: texts measured.
        tokens: tokens predicted.
        empty: texts that were left out, having fewer than two tokens.
    """

    perplexity: float
    texts: int
    tokens: int
    empty: int


@torch.no_grad()
def perplexity(
    model: Any,
    tokenizer: Any,
    texts: Sequence[str],
    *,
    window: int | None = None,
    batch_size: int = 8,
) -> Perplexity:
    """Return the perplexity of plain texts, each by itself, without a chat template.

    A text longer than the window is measured in consecutive windows, each on its own; only the first token
    of each window is left out, because nothing precedes it.

    Args:
        model: a causal language model of transformers.
        tokenizer: its tokenizer.
        texts: at least one with two tokens or more.
        window: largest number of tokens at once; None takes the model's own limit, at most 1024.
        batch_size: largest number of windows per forward pass.

    Raises:
        MlcDataError: no text has two tokens.
    """
    limit = getattr(model.config.get_text_config(), "max_position_embeddings", 1024)
    width = window or min(int(limit), 1024)
    windows: list[list[int]] = []
    measured = 0
    for text in texts:
        plain = break_control_tokens(text, tokenizer)
        ids: list[int] = tokenizer(plain, truncation=False)["input_ids"]
        parts = [ids[start : start + width] for start in range(0, len(ids), width)]
        parts = [part for part in parts if len(part) > 1]
        windows += parts
        measured += bool(parts)
    if not windows:
        raise MlcDataError("evaluate.utility.text: no text has two tokens to measure")
    total, tokens = 0.0, 0
    training = model.training
    model.eval()
    try:
        with progress.bar("measuring perplexity", len(windows), "windows") as bar:
            for batch in by_length([len(part) for part in windows], batch_size):
                rows = [windows[index] for index in batch]
                for loss, count in in_halves(lambda part: _losses(model, part), rows):
                    total += loss
                    tokens += count
                bar.advance(len(batch))
    finally:
        model.train(training)
    return Perplexity(math.exp(total / tokens), measured, tokens, len(texts) - measured)


def _losses(model: Any, rows: Sequence[Sequence[int]]) -> list[tuple[float, int]]:
    """Return the sum of the losses of a batch and its number of tokens with a loss, at the first row."""
    ids, mask = pad_right(rows, model.device)
    logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1].float()
    wanted = ids[:, 1:].masked_fill(mask[:, 1:] == 0, -100)
    loss = cross_entropy(logits.transpose(1, 2), wanted, reduction="sum")
    return [(float(loss), int((wanted != -100).sum()))]
