"""Reasoning in replies: taken off before they are read and judged, and counted."""

from __future__ import annotations

import logging

import polars as pl

from mlc_data.text.reasoning import split_reasoning

log = logging.getLogger(__name__)


def take_off_reasoning(replies: pl.DataFrame) -> pl.DataFrame:
    """Return replies without their reasoning, whose characters are counted in the column ``reasoning``.

    Args:
        replies: with ``reply``, as it was generated.
    """
    parts = [split_reasoning(reply) for reply in replies["reply"]]
    return replies.with_columns(
        pl.Series("reply", [rest.strip() for _, rest in parts], dtype=pl.String),
        pl.Series("reasoning", [len(reasoning) for reasoning, _ in parts], dtype=pl.Int64),
    )


def reasoning_counts(replies: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Return counts by model: ``replies``, of these the ``missing`` ones and those ``with_reasoning``.

    Those that say nothing else, ``only_reasoning``, are invalid (empty); a warning tells of them.

    Args:
        replies: with ``when``, ``reply``, ``failure`` and ``reasoning`` of `take_off_reasoning`.
    """
    counts: dict[str, dict[str, int]] = {}
    for (when,), part in replies.group_by("when", maintain_order=True):
        reasoned = part.filter(pl.col("reasoning") > 0)
        only = reasoned.filter(pl.col("reply") == "").height
        counts[str(when)] = {
            "replies": part.height,
            "missing": part["failure"].count(),
            "with_reasoning": reasoned.height,
            "only_reasoning": only,
        }
        if only:
            log.warning(
                "evaluate: %s: %d of %d replies hold nothing but reasoning and are invalid: increase "
                "evaluate.safety.max_new_tokens",
                when, only, part.height,
            )  # fmt: skip
    return counts
