"""The translation stage: every prompt into every target language, and back."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

from mlc_data.core import progress
from mlc_data.core.hashing import RowsHash
from mlc_data.core.manifest import ModelRecord
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.sharding import Shard, dispatch_shards, shard_state
from mlc_data.pipeline.sharding.shard import Result
from mlc_data.pipeline.stage import Stage, StageResult
from mlc_data.pipeline.staging import Staging
from mlc_data.recipe.recipe import Recipe, Translate
from mlc_data.translate.cache.replica import cache_replica, shard_cache
from mlc_data.translate.cache.store import Cache
from mlc_data.translate.engine_figures import as_note, listed
from mlc_data.translate.engines.base import Translator, refuse_pairs
from mlc_data.translate.engines.loading import load_translator
from mlc_data.translate.engines.weights import with_cores
from mlc_data.translate.import_stage import (
    REJECTED,
    import_key,
    import_shard,
    import_translations,
    is_import,
    preflight_import,
)
from mlc_data.translate.rows import ShardMaker
from mlc_data.translate.texts import texts_key, texts_of

log = logging.getLogger(__name__)


class TranslateStage(Stage):
    """Translate ``prompts.parquet``, and what goes with prompts, into ``translations/`` and back, shard by shard.

    Raises:
        ModelError: the model is missing, cannot be loaded, or lacks a language.
        UsageError: the prompts have not been read yet.
    """

    name = "translate"
    version: ClassVar[int] = 2
    command = "translate"
    help = "Translate every prompt into every target language, and back."
    reads = ("prompts.parquet",)
    writes: ClassVar = {
        "translations": "translations",
        REJECTED: "rows of an imported file that were not used",
    }
    models = ("translator",)
    content: ClassVar = {"translations": "translations"}

    def preflight(self, run: Run) -> None:
        """Check that the engine can translate into every language of the recipe, and back, or that the
        imported file can be read.

        Raises:
            ModelError: the model is missing, cannot be loaded, or lacks a language.
            SourceError: the imported file cannot be used.
        """
        if run.recipe.translate.imported is not None:
            preflight_import(run.recipe)
            return
        load_for_languages(run.recipe, run.recipe.translate)

    def key(self, run: Run) -> dict[str, Any]:
        """See `Stage.key`."""
        if run.recipe.translate.imported is not None:
            return import_key(run)
        return _key(run, load_translator(run.recipe.translate))

    def work(self, run: Run, staging: Staging) -> StageResult:
        """See `Stage.work`."""
        recipe = run.recipe
        if recipe.translate.imported is not None:
            return import_translations(self, run, staging)
        translator = load_for_languages(recipe, recipe.translate)
        texts = texts_of(run)
        maker = _maker(recipe, translator, None)
        parts = texts.iter_slices(recipe.translate.shard_prompts)
        sentences = [maker.sentences(part["prompt"]) for part in parts]
        content, figures = RowsHash(), Counter[str]()
        with progress.bar("translating", sum(sentences), "sentences") as bar:
            shards = dispatch_shards(
                self, run, staging, sentences, bar, replicate=cache_replica(recipe.translate.cache)
            )
            for number, (table, result) in enumerate(shards):
                table.rename(staging.path("translations", f"part-{number:05d}.parquet"))
                content.add(RowsHash.of_state(result["content"]))
                figures.update(result["figures"])
        counts = {name: figures[name] for name in ("sentences", "from_cache", "translated")}
        log.info(
            "translate: %d variants; %d sentences, %d from the cache, %d translated",
            texts.height * len(recipe.languages.targets), *counts.values(),
        )  # fmt: skip
        engines = as_note(figures)
        if unanswered := figures["unanswered"]:
            counts["unanswered"] = unanswered
            log.warning(
                "translate: %d sentences have no answer of the endpoint; the next run asks again",
                unanswered,
            )
        for engine, figure in engines.get("engines", {}).items():
            log.info("translate: %s: %s", engine, listed(figure))
        return StageResult(
            content_hash={"translations": content.hexdigest()},
            models={"translator": record_of(translator)},
            notes={
                **counts,
                **engines,
                "settings": {**translator.settings, **translator.decoding.as_dict()},
            },
        )

    def incomplete(self, run: Run) -> bool:
        """Return whether an endpoint gave no answer to some sentences."""
        record = run.manifest.stages.get(self.name)
        return bool(record and record.notes.get("unanswered"))

    def shard(self, shard: Shard, path: Path, bar: progress.Bar) -> Result:
        """Translate ``translate.shard_prompts`` prompts, or take their variants from the imported file."""
        if is_import(shard):
            return import_shard(self, shard, path, bar)
        recipe, translator, texts = shard_state(
            shard, lambda run: (run.recipe, _engine(shard, run), texts_of(run))
        )
        size = recipe.translate.shard_prompts
        part = texts.slice(shard.number * size, size)
        with shard_cache(recipe.translate.cache, translator, shard.folder, shard.number) as cache:
            done = _maker(recipe, translator, cache).make(part, path, bar)
        return {"content": done.content.state(), "figures": dict(done.figures)}


def load_for_languages(recipe: Recipe, settings: Translate) -> Translator:
    """Load an engine that can translate into every language of the recipe, and back.

    Raises:
        ModelError: the model is missing, cannot be loaded, or lacks a language.
    """
    translator = load_translator(settings)
    source, targets = recipe.languages.source, recipe.languages.targets
    back = targets if recipe.translate.round_trip else ()
    refuse_pairs(translator, [(source, code) for code in targets] + [(c, source) for c in back])
    return translator


def record_of(translator: Translator) -> ModelRecord:
    """Return the manifest's record of a translator."""
    return ModelRecord(id=translator.id, revision=translator.revision, licence=translator.licence)


def _engine(shard: Shard, run: Run) -> Translator:
    translator = load_translator(with_cores(run.recipe.translate, shard.cores))
    shard.check_key(TranslateStage().digest_of(_key(run, translator)))
    return translator


def _maker(recipe: Recipe, translator: Translator, cache: Cache | None) -> ShardMaker:
    return ShardMaker(
        translator=translator,
        cache=cache,
        source=recipe.languages.source,
        targets=recipe.languages.targets,
        round_trip=recipe.translate.round_trip,
        mask=recipe.translate.mask,
    )


def _key(run: Run, translator: Translator) -> dict[str, Any]:
    recipe = run.recipe
    return {
        "prompts": run.content_hash("prompts"),
        "languages": recipe.languages.model_dump(mode="json"),
        "model": [translator.id, translator.revision],
        "settings": [translator.settings, translator.decoding.as_dict()],
        "round_trip": recipe.translate.round_trip,
        "mask": recipe.translate.mask,
        **texts_key(run),
    }
