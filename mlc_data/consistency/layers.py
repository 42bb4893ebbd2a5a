"""Hidden states of the last prompt token after every decoder layer, in one forward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from mlc_data.consistency.hidden_states import find_decoder
from mlc_data.lm.batching import by_length, pad_right


@torch.no_grad()
def layer_states(
    model: nn.Module,
    texts: Sequence[Sequence[int]],
    final_norm: bool = False,
    *,
    batch_size: int = 64,
    done: Callable[[int], None] | None = None,
) -> Tensor:
    """Return states of the last tokens of many texts, at layers 1 to the model's depth.

    Args:
        model: see `mlc_data.consistency.hidden_states.last_token_states`.
        texts: N token sequences, at least one.
        final_norm: apply the model's final norm to the earlier layers too.
        batch_size: largest number of texts per forward pass.
        done: called with the number of texts after each batch.

    Returns:
        [depth, N, H], float32 on the CPU; index ``n - 1`` is what `last_token_states` returns for
        layer ``n``.

    Raises:
        ModelError: the architecture is not understood.
    """
    decoder = find_decoder(model)
    device = next(model.parameters()).device
    batches = by_length([len(text) for text in texts], batch_size)
    all_states = torch.empty(0)
    for batch in batches:
        ids, mask = pad_right([texts[index] for index in batch], device)
        output = decoder.module(
            input_ids=ids, attention_mask=mask, use_cache=False, output_hidden_states=True
        )
        rows = torch.arange(len(batch), device=device)
        last = mask.sum(dim=1) - 1
        states = torch.stack([each[rows, last] for each in output.hidden_states[1:]])
        if final_norm:
            states[:-1] = decoder.norm(states[:-1])
        if not all_states.numel():
            all_states = torch.empty(len(states), len(texts), states.shape[-1])
        all_states[:, batch] = states.float().cpu()
        if done:
            done(len(batch))
    return all_states
