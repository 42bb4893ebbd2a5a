"""The translation stage: every prompt into every target language, and back."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from mlc_data.core import progress
from mlc_data.core.hashing import RowsHash, code_version
from mlc_data.core.manifest import ModelRecord
from mlc_data.core.records import PROMPTS
from mlc_data.pipeline.run import Outcome, Run, Staging, read_table
from mlc_data.pipeline.sharding import Shard, remembered, spread
from mlc_data.pipeline.sharding.shard import Result
from mlc_data.recipe.recipe import Recipe
from mlc_data.translate.cache.replica import lending, shard_cache
from mlc_data.translate.cache.store import Cache
from mlc_data.translate.engines.base import Translator, refuse_pairs
from mlc_data.translate.engines.loading import load_translator
from mlc_data.translate.engines.weights import with_cores
from mlc_data.translate.rows import ShardMaker

log = logging.getLogger(__name__)


def preflight(recipe: Recipe) -> Translator:
    """The recipe's engine, if it can translate into every language of the recipe, and back.

    Raises:
        ModelError: the model is missing, cannot be loaded, or lacks a language.
    """
    translator = load_translator(recipe.translate)
    source, targets = recipe.languages.source, recipe.languages.targets
    back = targets if recipe.translate.round_trip else ()
    refuse_pairs(translator, [(source, code) for code in targets] + [(c, source) for c in back])
    return translator


def translate(run: Run, *, force: bool = False) -> bool:
    """Translate ``prompts.parquet`` into ``translations/``, shard by shard; returns whether the stage was
    reused.

    Raises:
        ModelError: see `preflight`.
        UsageError: the prompts have not been read yet.
    """
    recipe = run.recipe
    translator = preflight(recipe)

    def work(staging: Staging) -> Outcome:
        prompts = read_table(run.path("prompts.parquet"), PROMPTS)
        maker = _maker(recipe, translator, None)
        parts = prompts.iter_slices(recipe.translate.shard_prompts)
        sentences = [maker.sentences(part["prompt"]) for part in parts]
        content, figures = RowsHash(), Counter[str]()
        with progress.bar("translating", sum(sentences), "sentences") as bar:
            lend = lending(recipe.translate.cache)
            for number, (table, result) in enumerate(
                spread(run, staging, sentences, bar, lend=lend)
            ):
                table.rename(staging.path("translations", f"part-{number:05d}.parquet"))
                content.add(RowsHash.of_state(result["content"]))
                figures.update(result["figures"])
        told = {name: figures[name] for name in ("sentences", "from_cache", "translated")}
        variants = prompts.height * len(recipe.languages.targets)
        log.info("translate: %d variants; %s", variants, told)
        return Outcome(
            content_hash={"translations": content.hexdigest()},
            models={
                "translator": ModelRecord(
                    id=translator.id, revision=translator.revision, licence=translator.licence
                )
            },
            notes={**told, "settings": {**translator.settings, **translator.decoding.as_dict()}},
        )

    return run.stage("translate", _key(run, translator), ("translations",), work, force=force)


def translate_shard(shard: Shard, path: Path, bar: progress.Bar) -> Result:
    """One shard of the stage: ``translate.shard_prompts`` prompts. See `mlc_data.pipeline.sharding.do`."""
    run, translator = remembered(shard, lambda run: (run, _engine(shard, run)))
    recipe = run.recipe
    size = recipe.translate.shard_prompts
    prompts = pl.scan_parquet(run.path("prompts.parquet")).slice(shard.number * size, size)
    with shard_cache(recipe.translate.cache, translator, shard.folder, shard.number) as cache:
        done = _maker(recipe, translator, cache).make(prompts.collect(), path, bar)
    return {"content": done.content.state(), "figures": done.figures}


def _engine(shard: Shard, run: Run) -> Translator:
    translator = load_translator(with_cores(run.recipe.translate, shard.cores))
    shard.refuse_other(_key(run, translator))
    return translator


def _maker(recipe: Recipe, translator: Translator, cache: Cache | None) -> ShardMaker:
    return ShardMaker(
        translator=translator,
        cache=cache,
        source=recipe.languages.source,
        targets=recipe.languages.targets,
        round_trip=recipe.translate.round_trip,
    )


def _key(run: Run, translator: Translator) -> dict[str, Any]:
    recipe = run.recipe
    return {
        "prompts": run.content_hash("prompts"),
        "languages": recipe.languages.model_dump(mode="json"),
        "model": [translator.id, translator.revision],
        "settings": [translator.settings, translator.decoding.as_dict()],
        "round_trip": recipe.translate.round_trip,
        "code": code_version("translate", "records.py"),
    }
