"""The translation stage where the recipe imports its translations: matching, shards, back-translations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlc_data.core import progress
from mlc_data.core.hashing import RowsHash
from mlc_data.core.parquet import read_table, write_table
from mlc_data.core.records import PROMPTS, REJECTED_TRANSLATIONS, TRANSLATIONS
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.sharding import Shard, dispatch_shards, shard_state
from mlc_data.pipeline.sharding.dispatch import read_plan
from mlc_data.pipeline.sharding.shard import Result, folder_of
from mlc_data.pipeline.stage import Stage, StageResult
from mlc_data.pipeline.staging import Staging
from mlc_data.recipe.recipe import Recipe
from mlc_data.translate.cache.replica import cache_replica, shard_cache
from mlc_data.translate.cached import CachedTranslator
from mlc_data.translate.engines.base import Translator, refuse_pairs
from mlc_data.translate.engines.loading import load_translator
from mlc_data.translate.engines.weights import with_cores
from mlc_data.translate.imported import (
    import_identity,
    import_record,
    match,
    read_import,
    report,
    requested,
    translate_back,
)
from mlc_data.translate.rows import content_of

REJECTED = "rejected/translations.parquet"

_REQUESTED = "requested-{:05d}.parquet"
"""File of the variants of a shard, in the shards' folder."""

_IDENTITY = "identity"
"""Key of an import's plan: the identity of its file, which workers on other machines need not see."""


def preflight_import(recipe: Recipe) -> None:
    """Check that the file can be read, and that the engine, if any, can translate it back.

    Raises:
        SourceError: the file cannot be used.
        ModelError: the model is missing, cannot be loaded, or lacks a language.
    """
    read_import(recipe)
    _back_engine(recipe)


def import_key(run: Run) -> dict[str, Any]:
    """Return the key of the stage."""
    return _key(run, import_identity(run.recipe), _back_engine(run.recipe))


def import_translations(stage: Stage, run: Run, staging: Staging) -> StageResult:
    """Take the variants from a file, and translate back those that have no back-translation.

    Raises:
        SourceError: the file cannot be used.
        ModelError: the model is missing, cannot be loaded, or lacks a language.
    """
    recipe = run.recipe
    file, translator = read_import(recipe), _back_engine(recipe)
    prompts = read_table(run.path("prompts.parquet"), PROMPTS)
    targets = recipe.languages.targets
    matched = match(file, prompts, targets)
    report(matched, file)
    folder = folder_of(run.folder, stage.name, staging.key)
    folder.mkdir(parents=True, exist_ok=True)
    variants = []
    for number, part in enumerate(prompts.iter_slices(recipe.translate.shard_prompts)):
        rows = requested(part, matched.variants, targets)
        write_table(rows, folder / _REQUESTED.format(number), TRANSLATIONS)
        variants.append(rows.height)
    content, figures = RowsHash(), Counter[str]()
    with progress.bar("importing", sum(variants), "variants") as bar:
        plan = {_IDENTITY: dict(file.identity)}
        replicate = cache_replica(recipe.translate.cache) if translator else None
        shards = dispatch_shards(stage, run, staging, variants, bar, plan=plan, replicate=replicate)
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


def is_import(shard: Shard) -> bool:
    """Return whether a shard of the stage is one of an import."""
    return _IDENTITY in read_plan(shard)


def import_shard(stage: Stage, shard: Shard, path: Path, bar: progress.Bar) -> Result:
    """Translate back what has no back-translation among the variants of ``translate.shard_prompts`` prompts."""
    run, translator = shard_state(shard, lambda run: (run, _shard_engine(stage, shard, run)))
    rows = read_table(shard.folder / _REQUESTED.format(shard.number), TRANSLATIONS)
    figures = Counter[str]()
    if translator is not None:
        location, source = run.recipe.translate.cache, run.recipe.languages.source
        with shard_cache(location, translator, shard.folder, shard.number) as cache:
            rows, figures = translate_back(rows, CachedTranslator(translator, cache), source)
    bar.advance(rows.height)
    write_table(rows, path, TRANSLATIONS)
    return {"content": content_of(rows).state(), "figures": figures}


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


def _shard_engine(stage: Stage, shard: Shard, run: Run) -> Translator | None:
    settings = with_cores(run.recipe.translate, shard.cores)
    recipe = run.recipe.model_copy(update={"translate": settings})
    translator = _back_engine(recipe)
    key = _key(run, read_plan(shard)[_IDENTITY], translator)
    shard.check_key(stage.digest_of(key))
    return translator


def _key(run: Run, identity: Mapping[str, Any], translator: Translator | None) -> dict[str, Any]:
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
