"""One training: from loaded model and data to aligned model, resumable at every saved step."""

from __future__ import annotations

import logging
import math
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from huggingface_hub import constants as hub_constants
from transformers import EarlyStoppingCallback, PrinterCallback, TrainerCallback

from mlc_data.align.adapters import adapters_of
from mlc_data.align.callbacks import tensorboard_callback
from mlc_data.align.collectives import any_process
from mlc_data.align.job import Job, training_arguments
from mlc_data.align.methods import method_of, rows_of
from mlc_data.align.response_tokens import score_labelled_tokens
from mlc_data.align.saved_steps import last_complete, loading, step_of
from mlc_data.align.stopping import orderly_stop, stop_requested
from mlc_data.align.trainer import Consistency, MLCTrainerMixin
from mlc_data.align.weights import WeightWatch, hold_in
from mlc_data.consistency.loss import MultilingualConsistencyLoss
from mlc_data.core import progress
from mlc_data.errors import StoppedError, UsageError

log = logging.getLogger(__name__)


DATASETS = ("pairs", "held-out")
"""Folders within `Job.folder` of what several processes train on."""


@dataclass(frozen=True)
class Trained:
    """Result of a training.

    ``log`` holds one row a logged step: the step, ``loss``, ``mlc/*``, ``rewards/*``. Timings cover
    the steps of this process alone, ``resumed_from`` is the step that it began after. ``changed`` is the share of
    the trained weights that the first steps changed; ``changed_as_stored`` the share that is changed at the end, in
    the type that the checkpoint is saved in (None with adapters, which are merged first).
    """

    model: Any
    log: list[dict[str, float]]
    steps: int
    resumed_from: int
    seconds_per_step: float
    trainable_parameters: int
    extractor_parameters: int
    changed: float | None = None
    changed_as_stored: float | None = None


def train(job: Job) -> Trained:
    """Align a model, resuming from the last complete checkpoint in the job's folder if there is one.

    With several processes each calls this with the same job, see `mlc_data.align.distributed`.

    Raises:
        StoppedError: a stop was requested; the last step is saved in the folder.
        UnusableStepError: the last complete checkpoint cannot be loaded.
        MlcDataError: a loss is not finite.
    """
    # No telemetry from libraries.
    hub_constants.HF_HUB_DISABLE_TELEMETRY = True
    settings, total = job.settings, job.steps
    saved = last_complete(job.folder)
    done = step_of(saved) if saved else 0
    torch.manual_seed(job.seed)
    with orderly_stop():
        trainer = _trainer(job)
        watch: WeightWatch = trainer.watch
        begun = time.perf_counter()
        if saved and done >= total:
            with loading(saved, lambda: False):
                if settings.sharding == "none":
                    trainer._load_from_checkpoint(str(saved))
                else:  # the weights are sharded first
                    trainer._prepare_for_training(total, trainer.get_train_dataloader(), str(saved))
                trainer.state.log_history = _saved_log(saved)
            trainer.state.global_step = done
        else:
            if saved:
                log.info("align: resuming after step %d of %d", done, total)
            with ExitStack() as stack:
                bar = stack.enter_context(progress.bar("aligning", total - done, "steps"))
                steps = _Steps(bar)
                trainer.add_callback(steps)
                if job.tensorboard is not None and trainer.is_world_process_zero():
                    if not saved:  # files of another training
                        shutil.rmtree(job.tensorboard, ignore_errors=True)
                    if "tensorboard" in settings.report_to:
                        trainer.add_callback(
                            stack.enter_context(
                                tensorboard_callback(job.tensorboard, done, _figures)
                            )
                        )
                with loading(saved, lambda: steps.begun):
                    trainer.train(resume_from_checkpoint=str(saved) if saved else None)
        if any_process(stop_requested(), trainer.args.device):
            raise StoppedError(
                f"stopped after step {trainer.state.global_step or done} of {total}, which is "
                "saved: run the same command again to resume"
            )
    last = trainer.state.global_step
    seconds = (time.perf_counter() - begun) / max(1, last - done)
    stored = watch.stored(getattr(torch, settings.dtype)) if settings.lora is None else None
    if stored is not None and stored < settings.min_changed:
        log.warning(
            "align: %.1f %% of the checkpoint's weights differ from the base model's, since it is saved in %s: "
            "align.dtype: float32 keeps the others' changes", 100 * stored, settings.dtype,
        )  # fmt: skip
    return Trained(
        model=trainer.accelerator.unwrap_model(trainer.model),
        log=[
            _figures(row)
            for row in trainer.state.log_history
            if "loss" in row or "eval_loss" in row
        ],
        steps=last,
        resumed_from=done,
        seconds_per_step=round(seconds, 3),
        trainable_parameters=_count(trainer.model),
        extractor_parameters=_count(trainer.consistency.loss),
        changed=watch.share(trainer.state),
        changed_as_stored=stored,
    )


class _Steps(TrainerCallback):  # type: ignore[misc]
    """Shows progress, and ends the training after the step in which a stop is requested."""

    def __init__(self, bar: progress.Bar) -> None:
        self.bar = bar
        self.begun = False

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Note that everything has been loaded; called by the trainer before every optimiser step."""
        self.begun = True

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        """Report the step; called by the trainer after every optimiser step."""
        self.bar.advance()
        if any_process(stop_requested(), args.device):
            control.should_save = True
            control.should_training_stop = True
        return control


class _Trainer(MLCTrainerMixin):
    """Mixed in before a trainer of TRL: keeps one complete checkpoint, and shows progress of the reference
    log-probabilities."""

    args: Any
    state: Any
    reference_bar: progress.Bar | None = None
    watch: WeightWatch

    def compute_ref_log_probs(self, *args: Any, **kwargs: Any) -> Any:
        """Return log-probabilities of a batch under the reference model, while they are precomputed (DPO,
        KTO)."""
        if any_process(stop_requested(), self.args.device):
            raise StoppedError(
                "stopped before the first step; the same command starts the training"
            )
        parent: Any = super()
        log_probs = parent.compute_ref_log_probs(*args, **kwargs)
        if self.reference_bar:
            self.reference_bar.advance()
        return log_probs

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        self.watch.remember()  # the weights from before the first step, of which some may be resumed
        super()._load_from_checkpoint(resume_from_checkpoint, model)

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """Write no card: it belongs to the finished checkpoint."""

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        if not self.args.should_save:  # another process does
            return
        folder, state = Path(self.args.output_dir), self.state
        kept = [last_complete(folder)]
        if self.args.load_best_model_at_end and state.best_model_checkpoint:
            kept.append(Path(state.best_model_checkpoint))
        for path in folder.glob("checkpoint-*"):
            if path not in kept:
                shutil.rmtree(path)


def _trainer(job: Job) -> Any:
    score_labelled_tokens()
    settings, method = job.settings, method_of(job.settings)
    chosen = settings.loss
    if chosen.layer == "auto":
        raise ValueError("align.loss.layer has not been chosen yet")
    loss = MultilingualConsistencyLoss(
        temperature=chosen.temperature,
        form=chosen.form,
        extractor=chosen.extractor,
        hidden_size=job.model.config.get_text_config().hidden_size,
        dimensions=chosen.dimensions,
        trained=not chosen.frozen_extractor,
        center="running_mean" if chosen.center == "running_mean" else "none",
        signed=chosen.signed,
        separation=chosen.separation,
    )
    consistency = Consistency(
        loss=loss,
        sets=job.sets,
        weight=chosen.weight,
        every=chosen.every,
        sets_per_step=chosen.sets_per_step,
        layer=chosen.layer,
        final_norm=chosen.center == "final_norm",
        seed=job.seed,
    )
    # Precompute reference log-probabilities: once per pair instead of once per use. If every weight is
    # trained, the model as it is now is the only reference there is.
    each_step = settings.batch_size * job.processes
    seen = job.steps * each_step * settings.gradient_accumulation
    precompute = method.reference and (settings.lora is None or seen > len(job.pairs))
    if settings.sharding != "none" and settings.lora is not None:
        precompute = False  # that would be before the weights are sharded
    batches = math.ceil(len(job.pairs) / each_step) if precompute else 0
    arguments = training_arguments(job, method, precompute)
    if settings.lora is None:
        hold_in(job.model, settings)
    with progress.bar("reference log-probabilities", batches, "batches") as bar:
        kind: Any = type("Trainer", (_Trainer, method.trainer), {"reference_bar": bar})
        trainer = kind(
            model=job.model,
            args=arguments,
            train_dataset=_dataset(job, arguments, job.pairs, DATASETS[0]),
            eval_dataset=_evaluated(job, arguments),
            processing_class=job.tokenizer,
            peft_config=adapters_of(settings),
            consistency=consistency,
        )
    if settings.sharding != "none" and not trainer.is_fsdp_enabled:
        raise UsageError("align.sharding 'fsdp' needs GPUs: accelerate does not shard without")
    trainer.remove_callback(PrinterCallback)
    hold_in(trainer.model, settings)
    trainer.watch = WeightWatch(trainer, job.steps, settings.min_changed)
    trainer.add_callback(trainer.watch)
    if settings.early_stopping is not None:
        trainer.add_callback(EarlyStoppingCallback(settings.early_stopping))
    return trainer


def _evaluated(job: Job, arguments: Any) -> Dataset | None:
    """The held-out pairs, where the loss on them is computed during the training.

    Raises:
        UsageError: there are none.
    """
    if not job.settings.evaluates:
        return None
    if not job.held_out:
        raise UsageError(
            "align.training.eval_strategy asks for the loss on held-out pairs, and no pair's prompt is held out: "
            "raise sets.test_share, or leave eval_strategy out"
        )
    return _dataset(job, arguments, job.held_out, DATASETS[1])


def _dataset(job: Job, arguments: Any, pairs: Sequence[Mapping[str, Any]], name: str) -> Dataset:
    """The pairs; for several processes on disk, so that all find what one has computed of them."""
    made = Dataset.from_list(rows_of(job.settings, pairs, job.tokenizer, job.seed))
    if job.processes == 1:
        return made
    folder, unfinished = job.folder / name, job.folder / f".{name}"
    with arguments.main_process_first(local=False):  # machines share the folder
        if not folder.is_dir():
            made.save_to_disk(unfinished)
            unfinished.rename(folder)
    return Dataset.load_from_disk(folder)


def _saved_log(checkpoint: Path) -> list[dict[str, Any]]:
    from transformers import TrainerState

    history: list[dict[str, Any]] = TrainerState.load_from_json(
        str(checkpoint / "trainer_state.json")
    ).log_history
    return history


def _figures(row: Mapping[str, Any]) -> dict[str, float]:
    wanted = ("step", "loss", "learning_rate", "grad_norm", "nll_loss", "log_odds_ratio")
    return {
        name: value
        for name, value in row.items()
        if name in wanted
        or name.startswith(("mlc/", "rewards/", "logps/", "eval_loss", "eval_rewards/"))
    }


def _count(module: Any) -> int:
    return sum(weight.numel() for weight in module.parameters() if weight.requires_grad)
