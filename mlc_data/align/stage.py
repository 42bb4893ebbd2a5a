"""The stage that trains: variant sets and preference pairs to ``checkpoint/``."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlc_data.align.data import Inputs, load, read_inputs
from mlc_data.align.launch import decided, train_together
from mlc_data.core.hashing import code_version, hash_value
from mlc_data.core.manifest import ModelRecord, versions
from mlc_data.core.paths import is_hub_id
from mlc_data.errors import MlcDataError, UsageError
from mlc_data.lineage.build import write_lineage
from mlc_data.lineage.record import TrainingLineage
from mlc_data.lm.loading import KEY, check_model, identify, layer_number, quiet
from mlc_data.lm.prompt_format import PromptFormat
from mlc_data.pipeline.run import Outcome, Run, Staging, write_text
from mlc_data.recipe.align import Align
from mlc_data.recipe.recipe import Recipe

if TYPE_CHECKING:
    from mlc_data.align.train import Trained

log = logging.getLogger(__name__)

Measure = Callable[[Any, Any], Mapping[str, float]]
"""Measures a model, given it and its tokenizer; names and figures for the model card."""

ChooseLayer = Callable[[Any, Any], tuple[int, list[dict[str, Any]]]]
"""Given model and tokenizer: the layer for `auto`, and the figures of all layers behind the choice."""

BOARD = "tensorboard"
"""Folder of TensorBoard's event files in a run. Not an output: nothing is read from it."""

_CARD_VERSIONS = ("mlc-data", "torch", "transformers", "trl", "peft")


def preflight(recipe: Recipe) -> None:
    """Look whether the model can be loaded and figures be reported, before anything is translated for it.

    Raises:
        ModelError: it is missing, incomplete, has pickled weights only, or has no such layer.
        UsageError: a package that `align.report_to` names is not installed, or the processes cannot be had,
            see `mlc_data.align.launch.decided`.
    """
    decided(recipe.align)
    for name in recipe.align.report_to:
        if find_spec(name) is None:
            raise UsageError(
                f"align.report_to names {name}, which is not installed: pip install {name}, or leave it "
                "out (align.report_to=[] writes training.jsonl alone)"
            )
    depth = check_model(recipe.align.model, recipe.align.revision, KEY)
    layer = recipe.align.loss.layer
    if depth is not None and recipe.align.loss.weight and layer != "auto":
        layer_number(layer, depth)


def align(
    run: Run,
    *,
    force: bool = False,
    measure: Measure | None = None,
    choose_layer: ChooseLayer | None = None,
) -> bool:
    """Train and write ``checkpoint/`` and ``training.jsonl``; returns whether it was reused.

    With ``align.report_to: [tensorboard]`` the figures lie in ``tensorboard/`` as well, while they come.

    A training that was stopped or killed goes on from its last saved step, kept in
    ``.training-<key>`` within the run's folder, and ends with the same weights. ``force`` begins
    anew. Pairs whose prompt is held out for evaluation are not trained on. With several
    ``align.processes`` the training runs in children of this process, or in the processes that were launched
    with it, see `mlc_data.align.launched`; ``auto`` reuses what another number of them trained.

    Args:
        run: has ``sets/`` and ``preferences.parquet``.
        force: train again even if nothing has changed.
        measure: called before and after training with model and tokenizer; what it returns is
            shown in the model card. Without it the card names the file of the evaluation.
        choose_layer: chooses where the recipe says ``align.loss.layer: auto``.

    Raises:
        ModelError: see `preflight`.
        UsageError: an earlier stage has not been run, or nobody is there to choose the layer.
        MlcDataError: no pairs or sets are left to train on, or a loss is not finite.
        StoppedError: Ctrl-C, SIGTERM or `mlc_data.align.request_stop`; the last step is saved.
    """
    recipe = run.recipe
    able = decided(recipe.align)
    hashes = {"sets": run.content_hash("sets"), "preferences": run.content_hash("preferences")}
    _, record = identify(able.model, able.revision, KEY)

    def keyed(settings: Align) -> dict[str, Any]:
        key = {
            **hashes,
            "test_share": recipe.sets.test_share,
            "languages": recipe.languages.model_dump(mode="json"),
            # How often it is saved, and who is told of it, does not change what comes out.
            "align": settings.model_dump(mode="json", exclude={"save_every", "report_to"}),
            "seed": recipe.seed,
            "model": [record.id, record.revision],
            "code": code_version(
                "align",
                "align/card.md.j2",
                "align/fsdp.yaml",
                "lineage/build.py",
                "lineage/record.py",
                "records.py",
            ),
        }
        if settings.loss.layer == "auto":
            key["chosen"] = [
                recipe.evaluate.max_sets,
                code_version("probe.py", "evaluate/consistency.py"),
            ]
        return key

    settings = able
    if recipe.align.processes == "auto" and not force:
        settings = _as_trained(run, able, lambda settings: hash_value(keyed(settings)))
    key = keyed(settings)
    folder = run.path(f".training-{hash_value(key)[:12]}")

    def work(staging: Staging) -> Outcome:
        if settings != able:
            raise MlcDataError(
                f"the checkpoint, or training.jsonl, was changed since {settings.processes} processes trained it, and "
                f"here are {able.processes}: launch as many to train it again, or say --force"
            )
        for other in run.folder.glob(".training-*"):
            if other != folder or force:
                shutil.rmtree(other)
        folder.mkdir(exist_ok=True)
        return _work(run, settings, staging, folder, key=hash_value(key), record=record,
                     hashes=hashes, measure=measure, choose_layer=choose_layer)  # fmt: skip

    reused = run.stage("align", key, ("checkpoint", "training.jsonl"), work, force=force)
    shutil.rmtree(folder, ignore_errors=True)
    return reused


def _as_trained(run: Run, settings: Align, key: Callable[[Align], str]) -> Align:
    """The settings with the number of processes of a finished training, if all else is equal: `auto`
    takes it as it is, so that what several machines trained is evaluated on one."""
    done = run.manifest.stages.get("align")
    if done is None or "processes" not in done.notes:
        return settings
    trained = settings.model_copy(update={"processes": done.notes["processes"]})
    return trained if key(trained) == done.key else settings


def with_layer(settings: Align, layer: int) -> Align:
    """The settings with another layer."""
    loss = settings.loss.model_copy(update={"layer": layer})
    return settings.model_copy(update={"loss": loss})


def _work(
    run: Run,
    settings: Align,
    staging: Staging,
    folder: Path,
    *,
    key: str,
    record: ModelRecord,
    hashes: Mapping[str, str],
    measure: Measure | None,
    choose_layer: ChooseLayer | None,
) -> Outcome:
    # Imported here: nobody waits for TRL who does not train.
    from mlc_data.align.checkpoint import Card, merged, write_checkpoint
    from mlc_data.align.train import Job, train

    recipe = run.recipe
    languages = (recipe.languages.source, *recipe.languages.targets)
    revision = record.revision if is_hub_id(settings.model) else None
    loaded = load(settings, revision)
    model, tokenizer = loaded.model, loaded.tokenizer
    del loaded
    form = PromptFormat(tokenizer)
    inputs = read_inputs(run, form)
    log.info(
        "align: %d pairs (left out: %s), %d sets",
        len(inputs.pairs), inputs.left_out or "none", len(inputs.sets),
    )  # fmt: skip
    with quiet():
        layers: list[dict[str, Any]] = []
        if settings.loss.layer == "auto":
            if choose_layer is None:
                raise UsageError("align.loss.layer is 'auto': name a number, or pass choose_layer")
            layer, layers = choose_layer(model, tokenizer)
            settings = with_layer(settings, layer)
        before = dict(measure(model, tokenizer)) if measure else {}
        if settings.processes == 1:
            trained = train(
                Job(
                    model=model,
                    tokenizer=tokenizer,
                    pairs=inputs.pairs,
                    sets=inputs.sets.rows,
                    settings=settings,
                    seed=recipe.seed,
                    folder=folder,
                    board=run.path(BOARD),
                )
            )
            model = merged(trained.model)
        else:
            del model  # each process loads it for itself
            trained = train_together(run, settings, revision, folder)
            model = trained.model
        after = dict(measure(model, tokenizer)) if measure else {}
        card = Card(
            name=recipe.name,
            recipe_hash=recipe.hash,
            seed=recipe.seed,
            base=record,
            content_hash=hashes,
            languages=languages,
            settings=settings.model_dump(mode="json"),
            prompt_format=form.kind,
            training={
                "pairs": len(inputs.pairs),
                "variant_sets": len(inputs.sets),
                "steps": trained.steps,
            },
            versions={name: versions()[name] for name in _CARD_VERSIONS},
            before=before,
            after=after,
        )
        checkpoint = staging.path("checkpoint")
        write_checkpoint(checkpoint, model, tokenizer, card, settings.dtype)
        write_lineage(
            checkpoint,
            recipe,
            run.manifest,
            base=record,
            key=key,
            training=TrainingLineage(
                method=settings.method,
                layer=settings.loss.layer,
                steps=trained.steps,
                pairs=len(inputs.pairs),
                variant_sets=len(inputs.sets),
            ),
        )
    lines = "".join(json.dumps(row, sort_keys=True) + "\n" for row in trained.log)
    write_text(staging.path("training.jsonl"), lines)
    notes = _notes(trained, inputs, form.kind)
    notes["processes"] = settings.processes
    notes["layer"] = settings.loss.layer
    if layers:
        notes["layers"] = layers
    return Outcome(models={"base": record}, notes=notes)


def _notes(trained: Trained, inputs: Inputs, prompt_format: str) -> dict[str, Any]:
    with_mlc = [row for row in trained.log if "mlc/loss" in row]
    notes: dict[str, Any] = {
        "steps": trained.steps,
        "resumed_from": trained.resumed_from,
        "seconds_per_step": trained.seconds_per_step,
        "pairs": {"used": len(inputs.pairs), "left_out": inputs.left_out},
        "sets": {
            "used": len(inputs.sets),
            "dropped": inputs.sets.dropped,
            "texts_too_long": inputs.sets.too_long,
        },
        "trainable_parameters": trained.trainable_parameters,
        "extractor_parameters": trained.extractor_parameters,
        "prompt_format": prompt_format,
    }
    if trained.log:
        notes["loss"] = [trained.log[0]["loss"], trained.log[-1]["loss"]]
    if with_mlc:
        notes["mlc"] = [with_mlc[0]["mlc/loss"], with_mlc[-1]["mlc/loss"]]
    return notes
