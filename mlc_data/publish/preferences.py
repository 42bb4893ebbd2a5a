"""Preference pairs in the conversational form that trainers take: configuration ``preferences``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from mlc_data.consistency.sets import read_sets
from mlc_data.core.parquet import SplitFiles, read_table
from mlc_data.core.records import CONTEXT, PREFERENCES, TRANSLATED_PAIRS, Split
from mlc_data.pipeline.run import Run
from mlc_data.translated_pairs import PAIRS_FILE

CONVERSATIONAL: dict[str, pl.DataType] = {
    "prompt_id": pl.String(),
    "language": pl.String(),
    "category": pl.String(),
    "prompt": CONTEXT,
    "chosen": CONTEXT,
    "rejected": CONTEXT,
}
"""One row per pair. ``prompt`` are the turns before the reply, the system prompt first; ``chosen`` and
``rejected`` are one turn of the assistant each."""

_FILE = "preferences.parquet"
PAIR_TABLES = {"preferences": _FILE, "translated_preferences": PAIRS_FILE}
"""Files of pairs by the configuration that they become."""

_ROWS_AT_ONCE = 20_000


def has_pairs(run: Run) -> bool:
    """Return whether a run has preference pairs."""
    path = run.path(_FILE)
    return path.is_file() and bool(read_table(path, PREFERENCES).height)


def write_pairs(run: Run, folder: Path, file: str = _FILE) -> dict[str, int]:
    """Write all pairs of one of `PAIR_TABLES`, in their order, and return the number of rows of each split.

    As in our own training, ``test`` has the pairs of prompts whose variant set is held out, ``train`` all others.
    """
    folder.mkdir()
    recipe = run.recipe
    held_out = set(read_sets(run, Split.TEST)["prompt_id"])
    pairs = read_table(run.path(file), TRANSLATED_PAIRS if file == PAIRS_FILE else PREFERENCES)
    is_held_out = pl.col("prompt_id").is_in(list(held_out))
    rows = {}
    for split, chosen in ((Split.TRAIN, ~is_held_out), (Split.TEST, is_held_out)):
        with SplitFiles(folder, str(split), recipe.sets.shard_rows, CONVERSATIONAL) as files:
            for part in pairs.filter(chosen).iter_slices(_ROWS_AT_ONCE):
                files.write(conversational(part.iter_rows(named=True), recipe.languages.source))
        rows[str(split)] = files.rows
    return rows


def conversational(rows: Iterator[dict[str, Any]], language: str) -> pl.DataFrame:
    """Return rows of `records.PREFERENCES` as conversations."""
    return pl.DataFrame(
        [
            {
                "prompt_id": row["prompt_id"],
                "language": row.get("language", language),
                "category": row["category"],
                "prompt": [*(row["context"] or ()), _turn("user", row["prompt"])],
                "chosen": [_turn("assistant", row["chosen"])],
                "rejected": [_turn("assistant", row["rejected"])],
            }
            for row in rows
        ],
        schema=CONVERSATIONAL,
    )


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}
