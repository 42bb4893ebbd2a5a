"""Preference pairs in every language, where the recipe has responses translated (`translate.fields`)."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from mlc_data.core.parquet import read_parquet, read_table, scan_parquet, write_table
from mlc_data.core.records import PREFERENCES, TRANSLATED_PAIRS
from mlc_data.core.wording import in_words
from mlc_data.pipeline.run import Run
from mlc_data.translate.texts import Translated, other_texts

log = logging.getLogger(__name__)

PAIRS_FILE = "translated_preferences.parquet"
"""Pairs in the target languages: `records.TRANSLATED_PAIRS`."""


def translated_texts(run: Run) -> Translated | None:
    """Return the kept translations of texts besides the prompts; None if nothing but prompts is translated."""
    others = other_texts(run)["prompt_id"]
    if others.is_empty():
        return None
    wanted = others
    if run.recipe.translate.responses:
        prompts = read_parquet(run.path("prompts.parquet"), ["prompt_id"])
        wanted = pl.concat([others, prompts["prompt_id"]])
    variants = scan_parquet(run.path("variants", "variants.parquet"))
    kept = variants.select("prompt_id", "language", "text")
    found = kept.filter(pl.col("prompt_id").is_in(wanted.to_list())).collect()
    return Translated(found, run.recipe.translate.roles)


def write_pairs(run: Run, translated: Translated | None, path: Path) -> dict[str, Any]:
    """Write the pairs whose prompt, earlier turns and responses all have a kept translation; return their figures.

    Nothing is written where the recipe has no responses translated.
    """
    recipe = run.recipe
    if not recipe.translate.responses:
        return {}
    counts: Counter[str] = Counter()
    rows = []
    for pair in read_table(run.path("preferences.parquet"), PREFERENCES).iter_rows(named=True):
        for code in recipe.languages.targets:
            row, missing = _pair(pair, code, translated, recipe.translate.responses)
            counts[f"without a translation of {missing}" if missing else "kept"] += 1
            if row is not None:
                rows.append(row)
    write_table(pl.DataFrame(rows, schema=TRANSLATED_PAIRS), path, TRANSLATED_PAIRS)
    log.info("sets: translated pairs: %s", in_words(counts))
    return {"translated_pairs": dict(sorted(counts.items()))}


def _pair(
    pair: Mapping[str, Any], code: str, translated: Translated | None, responses: tuple[str, ...]
) -> tuple[dict[str, Any] | None, str | None]:
    """Return a pair in a language, or the first of its parts that has no kept translation there."""
    if translated is None:
        return None, "prompt"
    parts: dict[str, Any] = {
        "prompt": translated.prompt(pair["prompt_id"], pair["prompt"], code),
        "context": translated.context(pair["context"] or (), code),
    }
    for name in ("chosen", "rejected"):
        parts[name] = translated.text(pair[name], code) if name in responses else pair[name]
    missing = next((name for name, part in parts.items() if part is None), None)
    if missing:
        return None, missing
    return {**pair, **parts, "language": code}, None
