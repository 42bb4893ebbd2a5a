"""The translation stage: every prompt into every target language, and back."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from mlc_data.core import progress
from mlc_data.core.hashing import RowsHash
from mlc_data.core.manifest import ModelRecord
from mlc_data.core.parquet import read_table, write_table
from mlc_data.core.records import IMPORTED, PROMPTS, REJECTED_TRANSLATIONS, TRANSLATIONS
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.sharding import Shard, remembered, spread
from mlc_data.pipeline.sharding.dispatch import planned
from mlc_data.pipeline.sharding.shard import Result, folder_of
from mlc_data.pipeline.stage import Stage, StageResult
from mlc_data.pipeline.staging import Staging
from mlc_data.recipe.recipe import Recipe, Translate
from mlc_data.translate.cache.replica import lending, shard_cache
from mlc_data.translate.cache.store import Cache
from mlc_data.translate.cached import Asker
from mlc_data.translate.engines.base import Translator, refuse_pairs
from mlc_data.translate.engines.loading import load_translator
from mlc_data.translate.engines.weights import with_cores
from mlc_data.translate.imported import (
    MATCHED,
    import_identity,
    import_record,
    match,
    read_import,
    report,
    requested,
    translate_back,
)
from mlc_data.translate.rows import ShardMaker, content_of

log = logging.getLogger(__name__)

REJECTED = "rejected/translations.parquet"

_IDENTITY = "identity"
"""Key of an import's plan: the identity of its file, which workers on other machines need not see."""


class TranslateStage(Stage):
    """Translate ``prompts.parquet`` into ``translations/`` and back, shard by shard.

    Raises:
        ModelError: the model is missing, cannot be loaded, or lacks a language.
        UsageError: the prompts have not been read yet.
    """

    name = "translate"
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
        recipe = run.recipe
        if recipe.translate.imported is None:
            load_for_languages(recipe, recipe.translate)
            return
        read_import(recipe)
        _back_engine(recipe)

    def key(self, run: Run) -> dict[str, Any]:
        """See `Stage.key`."""
        if run.recipe.translate.imported is not None:
            return _import_key(run, import_identity(run.recipe), _back_engine(run.recipe))
        return _key(run, load_translator(run.recipe.translate))

    def work(self, run: Run, staging: Staging) -> StageResult:
        """See `Stage.work`."""
        recipe = run.recipe
        if recipe.translate.imported is not None:
            return self._work_on_import(run, staging)
        translator = load_for_languages(recipe, recipe.translate)
        prompts = read_table(run.path("prompts.parquet"), PROMPTS)
        maker = _maker(recipe, translator, None)
        parts = prompts.iter_slices(recipe.translate.shard_prompts)
        sentences = [maker.sentences(part["prompt"]) for part in parts]
        content, figures = RowsHash(), Counter[str]()
        with progress.bar("translating", sum(sentences), "sentences") as bar:
            shards = spread(
                self, run, staging, sentences, bar, lend=lending(recipe.translate.cache)
            )
            for number, (table, result) in enumerate(shards):
                table.rename(staging.path("translations", f"part-{number:05d}.parquet"))
                content.add(RowsHash.of_state(result["content"]))
                figures.update(result["figures"])
        counts = {name: figures[name] for name in ("sentences", "from_cache", "translated")}
        log.info(
            "translate: %d variants; %d sentences, %d from the cache, %d translated",
            prompts.height * len(recipe.languages.targets), *counts.values(),
        )  # fmt: skip
        return StageResult(
            content_hash={"translations": content.hexdigest()},
            models={"translator": record_of(translator)},
            notes={**counts, "settings": {**translator.settings, **translator.decoding.as_dict()}},
        )

    def _work_on_import(self, run: Run, staging: Staging) -> StageResult:
        """Take the variants from a file, and translate back those that have no back-translation."""
        recipe = run.recipe
        file, translator = read_import(recipe), _back_engine(recipe)
        prompts = read_table(run.path("prompts.parquet"), PROMPTS)
        targets = recipe.languages.targets
        matched = match(file, prompts, targets)
        report(matched, file)
        folder = folder_of(run.folder, self.name, staging.key)
        folder.mkdir(parents=True, exist_ok=True)
        write_table(matched.variants, folder / MATCHED, IMPORTED)
        parts = prompts.iter_slices(recipe.translate.shard_prompts)
        variants = [part.height * len(targets) for part in parts]
        content, figures = RowsHash(), Counter[str]()
        with progress.bar("importing", sum(variants), "variants") as bar:
            plan = {_IDENTITY: dict(file.identity)}
            lend = lending(recipe.translate.cache) if translator else None
            shards = spread(self, run, staging, variants, bar, plan=plan, lend=lend)
            for number, (table, result) in enumerate(shards):
                table.rename(staging.path("translations", f"part-{number:05d}.parquet"))
                content.add(RowsHash.of_state(result["content"]))
                figures.update(result["figures"])
        write_table(matched.rejected, staging.path(REJECTED), REJECTED_TRANSLATIONS)
        return StageResult(
            content_hash={"translations": content.hexdigest()},
            models={"translator": import_record(recipe.translate, file, translator)},
            notes={
                **{name: figures[name] for name in ("sentences", "from_cache", "translated")},
                "import": {
                    "path": file.name,
                    "rows": file.read,
                    "variants": matched.variants.height,
                    "rejected": matched.reasons,
                    **file.identity,
                },
            },
        )

    def _shard_of_import(self, shard: Shard, path: Path, bar: progress.Bar) -> Result:
        run, translator = remembered(shard, lambda run: (run, _engine_of_import(shard, run)))
        recipe = run.recipe
        size, targets = recipe.translate.shard_prompts, recipe.languages.targets
        prompts = pl.scan_parquet(run.path("prompts.parquet")).slice(shard.number * size, size)
        variants = read_table(shard.folder / MATCHED, IMPORTED)
        rows = requested(prompts.collect(), variants, targets)
        figures = Counter[str]()
        if translator is not None:
            settings = recipe.translate.cache
            with shard_cache(settings, translator, shard.folder, shard.number) as cache:
                asker = Asker(translator, cache)
                rows, figures = translate_back(rows, asker, recipe.languages.source)
        bar.advance(rows.height)
        write_table(rows, path, TRANSLATIONS)
        return {"content": content_of(rows).state(), "figures": figures}

    def shard(self, shard: Shard, path: Path, bar: progress.Bar) -> Result:
        """Translate ``translate.shard_prompts`` prompts, or take their variants from the imported file."""
        if _IDENTITY in planned(shard):
            return self._shard_of_import(shard, path, bar)
        run, translator = remembered(shard, lambda run: (run, _engine(shard, run)))
        recipe = run.recipe
        size = recipe.translate.shard_prompts
        prompts = pl.scan_parquet(run.path("prompts.parquet")).slice(shard.number * size, size)
        with shard_cache(recipe.translate.cache, translator, shard.folder, shard.number) as cache:
            done = _maker(recipe, translator, cache).make(prompts.collect(), path, bar)
        return {"content": done.content.state(), "figures": done.figures}


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


def _back_engine(recipe: Recipe) -> Translator | None:
    """Return the engine that translates imported variants back; None without one.

    Raises:
        ModelError: the model is missing, cannot be loaded, or lacks a language.
    """
    settings, source = recipe.translate, recipe.languages.source
    if not (settings.has_engine and settings.round_trip):
        return None
    translator = load_translator(settings)
    refuse_pairs(translator, [(code, source) for code in recipe.languages.targets])
    return translator


def _engine_of_import(shard: Shard, run: Run) -> Translator | None:
    settings = with_cores(run.recipe.translate, shard.cores)
    recipe = run.recipe.model_copy(update={"translate": settings})
    translator = _back_engine(recipe)
    key = _import_key(run, planned(shard)[_IDENTITY], translator)
    shard.check_key(TranslateStage().digest_of(key))
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
    }


def _import_key(
    run: Run, identity: Mapping[str, Any], translator: Translator | None
) -> dict[str, Any]:
    recipe = run.recipe
    assert recipe.translate.imported is not None
    engine = translator and [
        [translator.id, translator.revision],
        [translator.settings, translator.decoding.as_dict()],
    ]
    return {
        "prompts": run.content_hash("prompts"),
        "languages": recipe.languages.model_dump(mode="json"),
        "import": [identity, recipe.translate.imported.model_dump(mode="json", exclude={"path"})],
        "back": engine,
        "round_trip": recipe.translate.round_trip,
    }
