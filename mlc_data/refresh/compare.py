"""The whole comparison of two states of a run, and its files."""

from __future__ import annotations

import polars as pl

from mlc_data.core.files import write_text
from mlc_data.core.parquet import read_table, write_table
from mlc_data.core.records import PROMPTS
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.staging import Staging
from mlc_data.recipe.refresh import ChangedAbove
from mlc_data.refresh import settings, variants
from mlc_data.refresh.prompts import compare_prompts
from mlc_data.refresh.record import Diff, State, Training, VariantDiff
from mlc_data.refresh.snapshot import FOLDER, TRAINED, Snapshot, set_hashes
from mlc_data.refresh.tables import PROMPT_CHANGES, SET_HASHES, VARIANT_CHANGES


def compare(snapshot: Snapshot, run: Run) -> Diff:
    """Compare the state put aside with the run's present one, and write ``refresh/`` anew.

    Its files: ``diff.json``, ``diff.parquet`` (`VARIANT_CHANGES`), ``prompts.parquet`` (`PROMPT_CHANGES`), and
    ``trained.parquet`` (`SET_HASHES`), from which the next refresh tells how much has changed since a training.
    """
    old, new = snapshot.manifest, run.manifest
    before = snapshot.folder if snapshot.complete else None
    prompts = compare_prompts(
        read_table(before / "prompts.parquet", PROMPTS) if before else None,
        read_table(run.path("prompts.parquet"), PROMPTS),
    )
    changes, found = variants.compare_variants(
        variants.requested(before) if before else None,
        variants.requested(run.folder),
        prompts.replaced,
    )
    sets, trained = set_hashes(run.folder), snapshot.trained()
    targets_before = list(old.counts.by_language or {}) if before else []
    targets = list(run.recipe.languages.targets)
    by_language = {
        code: found.get(code, VariantDiff()) for code in dict.fromkeys([*targets, *targets_before])
    }
    diff = Diff(
        name=run.recipe.name,
        before=State(recipe_hash=old.recipe_hash, content_hash=old.content_hash)
        if before
        else None,
        after=State(recipe_hash=new.recipe_hash, content_hash=new.content_hash),
        prompts=prompts.figures,
        languages_added=[code for code in targets if code not in targets_before],
        languages_removed=[code for code in targets_before if code not in targets],
        models=settings.compare_models(old, new, run.recipe) if before else [],
        settings=settings.compare_settings(before / "recipe.yaml", old, run.recipe)
        if before
        else [],
        versions=settings.compare_versions(old.versions, new.versions) if before else {},
        variants=variants.total(by_language),
        by_language=by_language,
        sets=variants.compare_sets(set_hashes(before) if before else None, sets, prompts.replaced),
        training=_training(run, trained, sets),
    )
    with Staging.of(run.folder, FOLDER, (FOLDER,)) as staging:
        write_table(changes, staging.path(FOLDER, "diff.parquet"), VARIANT_CHANGES)
        write_table(prompts.table, staging.path(FOLDER, "prompts.parquet"), PROMPT_CHANGES)
        if trained is not None:
            write_table(trained, staging.path(FOLDER, TRAINED), SET_HASHES)
        text = diff.model_dump_json(indent=2) + "\n"
        write_text(staging.path(FOLDER, "diff.json"), text)
        staging.publish()
    return diff


def remember_training(run: Run) -> None:
    """Where the checkpoint is that of the present sets, write down which those are."""
    if "align" in run.manifest.stages:
        with Staging.of(run.folder, FOLDER, (f"{FOLDER}/{TRAINED}",)) as staging:
            write_table(set_hashes(run.folder), staging.path(FOLDER, TRAINED), SET_HASHES)
            staging.publish()


def _training(run: Run, trained: pl.DataFrame | None, sets: pl.DataFrame) -> Training:
    rule = run.recipe.refresh.retrain
    share = variants.changed_share(trained, sets)
    due = share > rule.changed_above if isinstance(rule, ChangedAbove) else rule == "always"
    told = rule.model_dump() if isinstance(rule, ChangedAbove) else rule
    return Training(rule=told, share=round(share, 6), due=due)
