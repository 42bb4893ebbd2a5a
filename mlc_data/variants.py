"""From verdicts to variant sets: the completeness policy, the split, and the files."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

import polars as pl

from mlc_data.hashing import code_version, hash_rows
from mlc_data.recipe import AtLeast, Sets
from mlc_data.records import PROMPTS, SETS, SetReason, Split
from mlc_data.workspace import Outcome, Run, Staging, read_table, write_table

log = logging.getLogger(__name__)

_ID_SPACE = 16**8


def required(policy: AtLeast | str, targets: int) -> int:
    """How many kept variants a prompt needs, of ``targets`` languages, to become a variant set."""
    if isinstance(policy, AtLeast):
        return policy.at_least
    return targets if policy == "all" else 1


def split_of(prompt_id: str, test_share: float) -> Split:
    """The split of a prompt: decided by its id alone, so it never changes when data are added."""
    return Split.TEST if int(prompt_id[:8], 16) < test_share * _ID_SPACE else Split.TRAIN


def assemble(
    prompts: pl.DataFrame, variants: pl.DataFrame, settings: Sets, targets: tuple[str, ...]
) -> tuple[pl.DataFrame, dict[str, int]]:
    """Variant sets of the prompts.

    Args:
        prompts: `records.PROMPTS`.
        variants: kept variants, with at least ``prompt_id``, ``language`` and ``text``.
        settings: the completeness policy.
        targets: FLORES-200 codes, in the order that variants are to have.

    Returns:
        `records.SETS` without ``language``, in the order of ``prompts``, and the number of prompts
        dropped by `records.SetReason`. Sets and dropped prompts together are all the prompts.
    """
    texts: dict[str, dict[str, str]] = {}
    for prompt_id, language, text in variants.select("prompt_id", "language", "text").iter_rows():
        texts.setdefault(prompt_id, {})[language] = text
    needed = required(settings.completeness, len(targets))
    rows: list[dict[str, Any]] = []
    dropped: Counter[str] = Counter()
    for prompt in prompts.drop("row", "source_id").iter_rows(named=True):
        found = texts.get(prompt["prompt_id"], {})
        if len(found) < needed:
            reason = SetReason.INCOMPLETE if found else SetReason.NO_VARIANTS
            dropped[reason.value] += 1
            continue
        rows.append(
            {
                **prompt,
                "variants": [
                    {"language": code, "text": found[code]} for code in targets if code in found
                ],
                "missing": [code for code in targets if code not in found],
            }
        )
    schema = {name: kind for name, kind in SETS.items() if name != "language"}
    return pl.DataFrame(rows, schema=schema), dict(sorted(dropped.items()))


def build_sets(run: Run, *, force: bool = False) -> bool:
    """Write ``sets/{train,test}-*.parquet``; returns whether the stage was reused.

    Raises:
        UsageError: the checks have not been run yet.
    """
    recipe = run.recipe
    targets, settings = recipe.languages.targets, recipe.sets

    def work(staging: Staging) -> Outcome:
        prompts = read_table(run.path("prompts.parquet"), PROMPTS)
        variants = pl.read_parquet(run.path("variants", "variants.parquet"))
        sets, dropped = assemble(prompts, variants, settings, targets)
        sets = sets.with_columns(language=pl.lit(recipe.languages.source)).select(list(SETS))
        parts = pl.Series(
            [split_of(prompt_id, settings.test_share) for prompt_id in sets["prompt_id"]],
            dtype=pl.String,
        )
        sizes: dict[str, int] = {}
        for split in Split:
            rows = sets.filter(parts == split)
            sizes[split.value] = rows.height
            shards = list(rows.iter_slices(settings.shard_rows)) or [rows]
            for number, shard in enumerate(shards):
                name = f"{split}-{number:05d}-of-{len(shards):05d}.parquet"
                write_table(shard, staging.path("sets", name), SETS)
        log.info("sets: %d kept (%s), dropped %s", sets.height, sizes, dropped or "none")
        return Outcome(
            counts={"sets": {"kept": sets.height, "dropped": dropped}},
            content_hash={"sets": hash_rows(sets.iter_rows(named=True))},
            notes={"splits": sizes, "complete": int((sets["missing"].list.len() == 0).sum())},
        )

    key = {
        "prompts": run.content_hash("prompts"),
        "variants": run.content_hash("variants"),
        "sets": settings.model_dump(mode="json"),
        "languages": recipe.languages.model_dump(mode="json"),
        "code": code_version("variants.py", "records.py"),
    }
    return run.stage("sets", key, ("sets",), work, force=force)
