"""Held-out variants in the plane of most variance, for people to look at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from torch import Tensor

STATES: dict[str, pl.DataType] = {
    **dict.fromkeys(("when", "prompt_id", "language"), pl.String()),
    "x": pl.Float64(),
    "y": pl.Float64(),
}
"""``evaluation/states.parquet``: one row a model (``when``), held-out set and language.

``x`` and ``y`` are the first two principal components of the model's own hidden states, divided by their greatest
absolute value: -1 to 1."""

MOST_SETS = 64
"""Variant sets that are kept."""


def plane(
    when: str, states: Tensor, present: Tensor, ids: Sequence[str], languages: Sequence[str]
) -> pl.DataFrame:
    """Return `STATES` of one model.

    Args:
        when: the model.
        states: [N, L, H].
        present: [N, L], bool.
        ids: [N] ids of the prompts.
        languages: [L] codes.
    """
    import torch

    shown, chosen = states[:MOST_SETS], present[:MOST_SETS]
    texts = shown[chosen].double()
    if len(texts) < 3:
        return pl.DataFrame(schema=STATES)
    centred = texts - texts.mean(dim=0)
    left, values, _ = torch.linalg.svd(centred, full_matrices=False)
    axes = left[:, :2] * values[:2]
    # A component's sign is arbitrary: that of its greatest value is made positive.
    greatest = axes.gather(0, axes.abs().argmax(dim=0, keepdim=True))
    scaled = axes / torch.where(greatest == 0, torch.ones_like(greatest), greatest)
    places: list[Any] = chosen.nonzero().tolist()
    return pl.DataFrame(
        {
            "when": [when] * len(places),
            "prompt_id": [ids[row] for row, _ in places],
            "language": [languages[column] for _, column in places],
            "x": scaled[:, 0].tolist(),
            "y": scaled[:, 1].tolist() if scaled.shape[1] > 1 else [0.0] * len(places),
        },
        schema=STATES,
    )
