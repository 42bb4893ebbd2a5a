"""States of held-out variant sets under a model: what the evaluation is given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mlc_data import progress
from mlc_data.align.batches import PromptFormat, tokenise_sets
from mlc_data.align.loss import MultilingualConsistencyLoss
from mlc_data.align.model import KEY, load_model, quiet
from mlc_data.align.states import text_states
from mlc_data.recipe import Align, Loss


def plain_loss(settings: Loss) -> MultilingualConsistencyLoss:
    """The recipe's loss without extractor and separation, to compare models by.

    A trained extractor belongs to one model, so the hidden states themselves are measured.
    """
    return MultilingualConsistencyLoss(settings.temperature, settings.form, extractor="none")


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
    """States of variant sets at the layer that the recipe's loss reads.

    Args:
        model: a causal language model of transformers.
        tokenizer: its tokenizer.
        rows: rows of `records.SETS`.
        languages: FLORES-200 codes of the columns, the prompts' own first.
        settings: ``loss.layer``, ``loss.final_norm`` and ``max_length`` (a longer text counts as
            missing, as in training).
        batch_size: most texts a forward pass.

    Returns:
        States [N, L, H], float32 on the CPU, zeros where missing, and ``present`` [N, L], bool. A
        set with fewer than two texts is all missing, so N is the number of rows.

    Raises:
        ModelError: the model has no such layer, or its architecture is not understood.
    """
    chosen = list(rows)
    sets = tokenise_sets(chosen, PromptFormat(tokenizer), languages, settings.max_length)
    place = {prompt: number for number, prompt in enumerate(row["prompt_id"] for row in chosen)}
    where, texts = [], []
    for prompt, row in zip(sets.ids, sets.rows, strict=True):
        for column, tokens in enumerate(row):
            if tokens is not None:
                where.append((place[prompt], column))
                texts.append(tokens)
    width = model.config.get_text_config().hidden_size
    states = torch.zeros(len(chosen), len(languages), width)
    present = torch.zeros(len(chosen), len(languages), dtype=torch.bool)
    if not texts:
        return states, present
    training = model.training
    model.eval()
    try:
        with progress.bar("reading hidden states", len(texts), "texts") as bar:
            found = text_states(
                model,
                texts,
                settings.loss.layer,
                settings.loss.final_norm,
                batch_size=batch_size,
                done=bar.advance,
            )
    finally:
        model.train(training)
    rows_index, columns = (torch.tensor(index) for index in zip(*where, strict=True))
    states[rows_index, columns] = found.float().cpu()
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
    """`encode_sets` under the model at a location, on a GPU if there is one.

    Raises:
        ModelError: the model cannot be loaded; see `mlc_data.align.model.load_model`.
    """
    loaded = load_model(str(location), revision, settings.dtype, KEY)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with quiet():
        return encode_sets(
            loaded.model.to(device),
            loaded.tokenizer,
            rows,
            languages,
            settings,
            batch_size=batch_size,
        )
