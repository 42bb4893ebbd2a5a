"""The translation stage: every prompt into every target language, and back."""

from __future__ import annotations

import logging

from mlc_data import progress
from mlc_data.hashing import code_version
from mlc_data.manifest import ModelRecord
from mlc_data.recipe import Recipe
from mlc_data.records import PROMPTS
from mlc_data.translate.cache import open_cache
from mlc_data.translate.engine import load_translator
from mlc_data.translate.shards import ShardMaker, shards_of
from mlc_data.translate.translator import Translator, refuse_pairs
from mlc_data.workspace import Outcome, Run, Staging, read_table

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
    """Translate ``prompts.parquet`` into ``translations/``; returns whether the stage was reused.

    Raises:
        ModelError: see `preflight`.
        UsageError: the prompts have not been read yet.
    """
    recipe = run.recipe
    translator = preflight(recipe)
    prompts_hash = run.content_hash("prompts")

    def work(staging: Staging) -> Outcome:
        prompts = read_table(run.path("prompts.parquet"), PROMPTS)
        folder = staging.path("translations", "part").parent
        with open_cache(recipe.translate.cache, translator) as cache:
            maker = ShardMaker(
                translator=translator,
                cache=cache,
                source=recipe.languages.source,
                targets=recipe.languages.targets,
                round_trip=recipe.translate.round_trip,
            )
            shards = shards_of(prompts, recipe.translate.shard_prompts, folder)
            with progress.bar(
                "translating", maker.sentences(prompts["prompt"]), "sentences"
            ) as bar:
                done = maker.make_all(shards, bar)
        figures = {name: done.figures[name] for name in ("sentences", "from_cache", "translated")}
        log.info(
            "translate: %d variants; %s", prompts.height * len(recipe.languages.targets), figures
        )
        return Outcome(
            content_hash={"translations": done.content.hexdigest()},
            models={
                "translator": ModelRecord(
                    id=translator.id, revision=translator.revision, licence=translator.licence
                )
            },
            notes={
                **figures,
                "settings": {**translator.settings, **translator.decoding.as_dict()},
            },
        )

    key = {
        "prompts": prompts_hash,
        "languages": recipe.languages.model_dump(mode="json"),
        "model": [translator.id, translator.revision],
        "settings": [translator.settings, translator.decoding.as_dict()],
        "round_trip": recipe.translate.round_trip,
        "code": code_version("translate", "records.py"),
    }
    return run.stage("translate", key, ("translations",), work, force=force)
