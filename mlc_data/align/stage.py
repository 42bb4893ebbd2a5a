"""The stage that trains: variant sets and preference pairs to ``checkpoint/``."""

from __future__ import annotations

import json
import logging
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mlc_data.align.distributed.environment import current_rank
from mlc_data.align.processes import launcher_settings_kept, resolve_processes
from mlc_data.align.saved_steps import last_complete, remove_damaged
from mlc_data.core.extras import require
from mlc_data.core.files import remove_folder, write_text
from mlc_data.core.manifest import BASE, versions
from mlc_data.core.paths import is_hub_id
from mlc_data.core.wording import in_words
from mlc_data.errors import MlcDataError, UnusableStepError, UsageError
from mlc_data.lm.chat_template import Chat
from mlc_data.lm.loading import KEY, check_model, identify, layer_number, quiet
from mlc_data.pipeline import superseded
from mlc_data.pipeline.lineage.build import write_lineage
from mlc_data.pipeline.lineage.record import TrainingLineage
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import Stage, StageResult, do
from mlc_data.pipeline.staging import Staging
from mlc_data.recipe.align import Align
from mlc_data.sources.stage import require_pairs

if TYPE_CHECKING:
    from mlc_data.align.data import Inputs
    from mlc_data.align.train import Trained

log = logging.getLogger(__name__)

_REPORTERS = {"azure_ml": "azureml", "flyte": "flytekit"}
"""Packages of reporters that are not named as they are."""

_CARD_VERSIONS = ("mlc-data", "torch", "transformers", "trl", "peft")


class AlignStage(Stage):
    """Train on preference pairs and variant sets: ``checkpoint/`` and ``training.jsonl``.

    With ``align.report_to: [tensorboard]`` the figures are also written to ``tensorboard/`` during training.

    A training that was stopped or killed resumes from its last saved step, kept in ``.training-<key>`` within
    the run's folder, and ends with the same weights; ``force`` starts over. Pairs whose prompt is held out
    for evaluation are not trained on.

    Raises:
        ModelError: the model cannot be loaded.
        UsageError: an earlier stage has not been run.
        MlcDataError: no pairs or sets are left to train on, or a loss is not finite.
        StoppedError: Ctrl-C, SIGTERM or `mlc_data.align.request_stop`; the last step is saved.
    """

    name = "align"
    version = 2  # the generation config stops where the template ends a turn
    command = "align"
    help = "Train the model with DPO, SFT, ORPO, SimPO or KTO and the consistency loss."
    reads = ("sets", "preferences.parquet")
    writes: ClassVar = {"checkpoint": "checkpoint", "training.jsonl": "training log"}
    models = (BASE,)

    def preflight(self, run: Run) -> None:
        """Check that the model can be loaded, pairs exist and figures can be reported.

        Raises:
            ModelError: the model is missing, incomplete, has pickled weights only, or has no such layer; its chat
                template is of no use; see `mlc_data.align.preflight.check_training`.
            SourceError: the sources have no preference pair.
            UsageError: the extra ``align``, or a package that `align.report_to` names, is not installed; or the processes cannot be
                started, see `resolve_processes`.
        """
        require("torch", "transformers", "trl", "peft", "accelerate")
        settings = run.recipe.align
        resolve_processes(settings)
        for name in settings.report_to:
            package = _REPORTERS.get(name, name)
            if find_spec(package) is None:
                raise UsageError(
                    f"align.report_to names {name}, which is not installed: pip install {package}, or leave it "
                    "out (align.report_to=[] writes training.jsonl alone)"
                )
        depth = check_model(settings.model, settings.revision, KEY)
        layer = settings.loss.layer
        if depth is not None and settings.loss.weight and layer != "auto":
            layer_number(layer, depth)
        _check_pairs(run)
        if settings.evaluates and not run.recipe.sets.test_share:
            raise UsageError(
                "align.training.eval_strategy asks for the loss on held-out pairs, and sets.test_share is 0"
            )
        from mlc_data.align.preflight import check_training

        check_training(settings)

    def key(self, run: Run) -> dict[str, Any]:
        """See `Stage.key`."""
        return self._key(run, self._settings(run))

    def work(self, run: Run, staging: Staging) -> StageResult:
        """See `Stage.work`."""
        settings, possible = self._settings(run), resolve_processes(run.recipe.align)
        if settings != possible and not staging.force:
            raise MlcDataError(
                f"the checkpoint, or training.jsonl, was changed since {settings.processes} processes trained "
                f"it, and {possible.processes} are available: launch as many to train it again, or use --force"
            )
        folder = self._folder(run, staging.key)
        for other in folder.parent.glob(".training-*"):
            if other != folder or staging.force:
                remove_folder(other)
        folder.mkdir(parents=True, exist_ok=True)
        remove_damaged(folder)
        with launcher_settings_kept():
            while True:
                try:
                    return _train(run, possible if staging.force else settings, staging, folder)
                except UnusableStepError as error:
                    _give_up(last_complete(folder), error)

    def clean_up(self, run: Run) -> None:
        """Remove the saved steps of the finished training."""
        record = run.manifest.stages.get(self.name)
        if record is not None:
            remove_folder(self._folder(run, record.key))

    @staticmethod
    def _folder(run: Run, key: str) -> Path:
        """Return the folder of saved steps."""
        base = run.folder / "trainings" / run.training if run.training else run.folder
        return base / f".training-{key[:12]}"

    def _key(self, run: Run, settings: Align) -> dict[str, Any]:
        recipe = run.recipe
        _, record = identify(settings.model, settings.revision, KEY)
        key = {
            "sets": run.content_hash("sets"),
            "preferences": run.content_hash("preferences"),
            "test_share": recipe.sets.test_share,
            "languages": recipe.languages.model_dump(mode="json"),
            "align": settings.determining(),
            "seed": recipe.seed,
            "model": [record.id, record.revision],
        }
        if settings.loss.layer == "auto":
            key["chosen"] = recipe.evaluate.max_sets
        if settings.chat_template is not None:  # the key holds its name; this, what is in the file
            key["chat"] = Chat.of(settings).identity
        return key

    def _settings(self, run: Run) -> Align:
        """Return the settings with the number of processes resolved.

        With ``align.processes: auto`` a finished checkpoint is reused whatever number of processes trained it, so
        that what several machines trained can be evaluated on one.
        """
        possible = resolve_processes(run.recipe.align)
        if run.recipe.align.processes != "auto":
            return possible
        kept = superseded.read(run, self.name)
        records = [run.manifest.stages.get(self.name), kept.record if kept else None]
        for record in records:
            if record is not None and "processes" in record.notes:
                trained = possible.model_copy(update={"processes": record.notes["processes"]})
                if self.digest_of(self._key(run, trained)) == record.key:
                    return trained
        return possible


def _give_up(saved: Path | None, error: UnusableStepError) -> None:
    """Remove a saved step that cannot be loaded, so that the training resumes from the one before or starts over.

    Raises:
        UnusableStepError: a launcher started the ranks, which have ended: the same command has to be given again.
    """
    if saved is None:
        raise error
    remove_folder(saved)
    log.warning("align: %s; training resumes from an earlier step, or starts over", error)
    if current_rank():
        raise UnusableStepError(f"{error}. It was removed: run the same command again") from error


def _check_pairs(run: Run) -> None:
    """Refuse sources without a preference pair; a finished sources stage has the count."""
    known = run.folder.is_dir() and run.manifest.content_hash.preferences is not None
    counts = run.manifest.counts.preferences if known else None
    if not known or (counts and not counts.kept):
        require_pairs(run.recipe)


def _train(run: Run, settings: Align, staging: Staging, folder: Path) -> StageResult:
    # Imported here: TRL takes seconds to import.
    from mlc_data.align.callbacks import TENSORBOARD_FOLDER
    from mlc_data.align.checkpoint import Card, finished, write_checkpoint
    from mlc_data.align.data import load, read_inputs
    from mlc_data.align.distributed.launch import train_distributed
    from mlc_data.align.job import Job
    from mlc_data.align.train import train
    from mlc_data.consistency.probe import choose_layer
    from mlc_data.lm.prompt_format import PromptFormat

    recipe = run.recipe
    languages = (recipe.languages.source, *recipe.languages.targets)
    _, record = identify(settings.model, settings.revision, KEY)
    revision = record.revision if is_hub_id(settings.model) else None
    loaded = load(settings, revision)
    form = PromptFormat(loaded.tokenizer)
    inputs = read_inputs(run, form)
    log.info(
        "align: %d pairs (left out: %s), %d sets",
        len(inputs.pairs), in_words(inputs.left_out), len(inputs.sets),
    )  # fmt: skip
    with quiet():
        layers: list[dict[str, Any]] = []
        if settings.loss.layer == "auto":
            layer, layers = choose_layer(run, loaded.model, loaded.tokenizer)
            settings = settings.with_layer(layer)
        tokenizer = loaded.tokenizer
        if settings.processes == 1:
            decided = recipe.model_copy(update={"align": settings})
            trained = train(Job.of(decided, loaded, inputs, folder, run.path(TENSORBOARD_FOLDER)))
            model = finished(trained.model, settings, revision)
        else:
            del loaded  # each process loads the model for itself
            trained = train_distributed(run, settings, revision, folder)
            model = trained.model
        figures = {
            "pairs": len(inputs.pairs),
            "variant_sets": len(inputs.sets),
            "steps": trained.steps,
        }
        card = Card(
            name=recipe.name,
            recipe_hash=recipe.hash,
            seed=recipe.seed,
            base=record,
            content_hash={
                "sets": run.content_hash("sets"),
                "preferences": run.content_hash("preferences"),
            },
            languages=languages,
            settings=settings.model_dump(mode="json"),
            prompt_format=form.kind,
            training=figures,
            versions={name: versions()[name] for name in _CARD_VERSIONS},
        )
        checkpoint = staging.path("checkpoint")
        write_checkpoint(checkpoint, model, tokenizer, card, settings.dtype)
        write_lineage(
            checkpoint,
            recipe,
            run.manifest,
            base=record,
            key=staging.key,
            training=TrainingLineage(method=settings.method, layer=settings.loss.layer, **figures),
        )
    lines = "".join(json.dumps(row, sort_keys=True) + "\n" for row in trained.log)
    write_text(staging.path("training.jsonl"), lines)
    notes = _notes(trained, inputs, form.kind)
    notes["processes"] = settings.processes
    notes["layer"] = settings.loss.layer
    if layers:
        notes["layers"] = layers
    return StageResult(models={BASE: record}, notes=notes)


def align(run: Run, *, force: bool = False) -> bool:
    """Train on a run whose sets are built; return whether the checkpoint was reused. See `AlignStage`."""
    with run.locked():
        return do(run, AlignStage(), force=force)


def _notes(trained: Trained, inputs: Inputs, prompt_format: str) -> dict[str, Any]:
    losses = [row["loss"] for row in trained.log if "loss" in row]
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
        "weights_changed": {"first_steps": trained.changed, "as_stored": trained.changed_as_stored},
        "extractor_parameters": trained.extractor_parameters,
        "prompt_format": prompt_format,
    }
    if losses:
        notes["loss"] = [losses[0], losses[-1]]
    if with_mlc:
        notes["mlc"] = [with_mlc[0]["mlc/loss"], with_mlc[-1]["mlc/loss"]]
    return notes
