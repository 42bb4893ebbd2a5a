"""States of held-out variant sets under a model, for the evaluation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mlc_data.consistency.hidden_states import text_states
from mlc_data.consistency.layers import layer_states
from mlc_data.consistency.loss import MultilingualConsistencyLoss
from mlc_data.consistency.token_sets import tokenise_sets
from mlc_data.core import progress
from mlc_data.lm.chat_template import Chat
from mlc_data.lm.loading import load_on_device, quiet
from mlc_data.lm.prompt_format import PromptFormat, Tokens
from mlc_data.recipe.align import Align, Loss


def plain_loss(settings: Loss) -> Callable[[Tensor, Tensor], tuple[Tensor, dict[str, Tensor]]]:
    """Return the recipe's loss without extractor and separation, for comparing models.

    A trained extractor belongs to one model, so the hidden states themselves are measured. With
    ``center: running_mean`` the mean of the given states is subtracted, whatever was read before.
    """

    def loss(states: Tensor, present: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        # A new loss, so that its mean is that of these states alone.
        fresh_loss = MultilingualConsistencyLoss(
            settings.temperature,
            settings.form,
            extractor="none",
            center="running_mean" if settings.center == "running_mean" else "none",
            signed=settings.signed,
        )
        value, figures = fresh_loss(states, present)
        return value, figures

    return loss


@torch.no_grad()
def encode_sets(
    model: Any,
    tokenizer: Any,
    rows: Iterable[Mapping[str, Any]],
    languages: Sequence[str],
    settings: Align,
    *,
    batch_size: int = 16,
) -> tuple[Tensor, Tensor]:
    """Return states of variant sets at the layer that the recipe's loss reads.

    Args:
        model: a causal language model of transformers.
        tokenizer: its tokenizer.
        rows: rows of `records.SETS`.
        languages: FLORES-200 codes of the columns, the prompts' own first.
        settings: ``loss.layer``, ``loss.center`` (``final_norm`` alone changes what is read) and
            ``max_length`` (a longer text counts as missing, as in training).
        batch_size: largest number of texts per forward pass.

    Returns:
        States [N, L, H], float32 on the CPU, zeros where missing, and ``present`` [N, L], bool. A
        set with fewer than two texts is all missing, so N is the number of rows.

    Raises:
        ModelError: the model has no such layer, or its architecture is not understood.
    """

    def read(texts: list[Tokens], done: Callable[[int], None]) -> Tensor:
        chosen = settings.loss
        if chosen.layer == "auto":
            raise ValueError("the layer has not been chosen yet")
        final_norm = chosen.center == "final_norm"
        return text_states(
            model, texts, chosen.layer, final_norm, batch_size=batch_size, done=done
        )[None]

    states, present = _encode(model, tokenizer, rows, languages, settings.max_length, read=read)
    return states[0], present


def encode_layers(
    model: Any,
    tokenizer: Any,
    rows: Iterable[Mapping[str, Any]],
    languages: Sequence[str],
    settings: Align,
    *,
    batch_size: int = 16,
) -> tuple[Tensor, Tensor]:
    """Return `encode_sets` at every layer: states [depth, N, L, H] and ``present`` [N, L].

    Raises:
        ModelError: the model's architecture is not understood.
    """

    def read(texts: list[Tokens], done: Callable[[int], None]) -> Tensor:
        final_norm = settings.loss.center == "final_norm"
        return layer_states(model, texts, final_norm, batch_size=batch_size, done=done)

    return _encode(model, tokenizer, rows, languages, settings.max_length, read=read)


def _encode(
    model: Any,
    tokenizer: Any,
    rows: Iterable[Mapping[str, Any]],
    languages: Sequence[str],
    max_length: int,
    *,
    read: Callable[[list[Tokens], Callable[[int], None]], Tensor],
) -> tuple[Tensor, Tensor]:
    """Return the states that ``read`` gives, [K, texts, H], by set and language, [K, N, L, H], and ``present``."""
    chosen = list(rows)
    sets = tokenise_sets(chosen, PromptFormat(tokenizer), languages, max_length)
    place = {prompt: number for number, prompt in enumerate(row["prompt_id"] for row in chosen)}
    where, texts = [], []
    for prompt, row in zip(sets.ids, sets.rows, strict=True):
        for column, tokens in enumerate(row):
            if tokens is not None:
                where.append((place[prompt], column))
                texts.append(tokens)
    width = model.config.get_text_config().hidden_size
    present = torch.zeros(len(chosen), len(languages), dtype=torch.bool)
    if not texts:
        return torch.zeros(1, len(chosen), len(languages), width), present
    training = model.training
    model.eval()
    try:
        with progress.bar("reading hidden states", len(texts), "texts") as bar:
            read_states = read(texts, bar.advance).float().cpu()
    finally:
        model.train(training)
    rows_index, columns = (torch.tensor(index) for index in zip(*where, strict=True))
    states = torch.zeros(len(read_states), len(chosen), len(languages), width)
    states[:, rows_index, columns] = read_states
    present[rows_index, columns] = True
    return states, present


def encode_location(
    location: str | Path,
    rows: Iterable[Mapping[str, Any]],
    languages: Sequence[str],
    settings: Align,
    *,
    batch_size: int = 16,
    revision: str | None = None,
) -> tuple[Tensor, Tensor]:
    """Return `encode_sets` under the model at a location, on a GPU if there is one.

    Raises:
        ModelError: the model cannot be loaded; see `mlc_data.lm.loading.load_model`.
    """
    model, tokenizer = load_on_device(str(location), revision, settings.dtype, Chat.of(settings))
    with quiet():
        return encode_sets(model, tokenizer, rows, languages, settings, batch_size=batch_size)
