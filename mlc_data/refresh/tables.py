"""The tables that a refresh writes: what became of each prompt and of each variant."""

from __future__ import annotations

from enum import StrEnum

import polars as pl


class Change(StrEnum):
    """What became of a prompt or a variant."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    EDITED = "edited"  # of prompts alone: the same text with another category or other responses


PROMPT_CHANGES: dict[str, pl.DataType] = {
    "change": pl.String(),
    "prompt_id": pl.String(),
    "prompt": pl.String(),
    "prompt_id_before": pl.String(),
    "prompt_before": pl.String(),
}
"""``refresh/prompts.parquet``: one row a prompt that is not as it was (`Change`).

A changed prompt has another text, and so, but for case and white space, another id.
"""

VARIANT_CHANGES: dict[str, pl.DataType] = {
    "change": pl.String(),
    "language": pl.String(),
    "prompt_id": pl.String(),
    "prompt_id_before": pl.String(),
    "status_before": pl.String(),
    "status": pl.String(),
    "reason_before": pl.String(),
    "reason": pl.String(),
    "text_before": pl.String(),
    "text": pl.String(),
}
"""``refresh/diff.parquet``: one row a requested variant whose prompt, text or status is not as it was.

``status`` is `records.Status`. What is ``before`` is null for an added variant, and all else for a removed
one. The verdict has flipped where one status is ``kept`` and the other is neither that nor null.
"""

SET_HASHES: dict[str, pl.DataType] = {"prompt_id": pl.String(), "hash": pl.String()}
"""``refresh/trained.parquet``: the variant sets that the checkpoint was trained on, a hash each."""
