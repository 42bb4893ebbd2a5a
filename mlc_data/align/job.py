"""A training's model, data and settings, and the trainer's configuration made of them."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from mlc_data.align.data import Inputs
from mlc_data.align.methods import Method
from mlc_data.lm.loading import LoadedModel
from mlc_data.lm.prompt_format import Tokens
from mlc_data.recipe.align import Align
from mlc_data.recipe.align_options import training_options
from mlc_data.recipe.recipe import Recipe

log = logging.getLogger(__name__)

SHARDING_FILE = Path(__file__).with_name("fsdp.yaml")
"""accelerate's configuration for `align.sharding: fsdp`."""

_LOGGED_STEPS = 500
"""Approximate limit of logged rows per training, whatever its length."""


@dataclass(frozen=True)
class Job:
    """Model, data and settings of a training.

    Attributes:
        model: a causal language model; changed in place, or wrapped with adapters.
        tokenizer: its tokenizer.
        pairs: from `mlc_data.lm.prompt_format.select_pairs`, at least one.
        sets: as `mlc_data.consistency.token_sets.TokenSets.rows`.
        settings: the recipe's ``align`` section, with numbers instead of ``auto``.
        seed: decides adapters, extractor, and the order of pairs and sets.
        folder: for training checkpoints.
        tensorboard: folder for TensorBoard's event files, where ``settings.report_to`` names it; None writes none.
        held_out: pairs as ``pairs``, whose loss is computed where ``settings.training`` asks for evaluations.
    """

    model: Any
    tokenizer: Any
    pairs: Sequence[Mapping[str, Any]]
    sets: Sequence[Sequence[Tokens | None]]
    settings: Align
    seed: int
    folder: Path
    tensorboard: Path | None = None
    held_out: Sequence[Mapping[str, Any]] = ()

    @classmethod
    def of(
        cls,
        recipe: Recipe,
        loaded: LoadedModel,
        inputs: Inputs,
        folder: Path,
        tensorboard: Path,
    ) -> Job:
        """Return the training of a loaded model on a run's inputs, as the recipe's ``align`` section has it."""
        return cls(
            model=loaded.model,
            tokenizer=loaded.tokenizer,
            pairs=inputs.pairs,
            sets=inputs.sets.rows,
            settings=recipe.align,
            seed=recipe.seed,
            folder=folder,
            tensorboard=tensorboard,
            held_out=inputs.held_out,
        )

    @property
    def processes(self) -> int:
        """Number of processes that train together."""
        if self.settings.processes == "auto":
            raise ValueError("the number of processes has not been decided yet")
        return self.settings.processes

    @property
    def steps(self) -> int:
        """Optimiser steps in all."""
        settings = self.settings
        if settings.max_steps is not None:
            return settings.max_steps
        batches = math.ceil(len(self.pairs) / (settings.batch_size * self.processes))
        return max(
            1, math.ceil(settings.epochs * math.ceil(batches / settings.gradient_accumulation))
        )


def training_arguments(job: Job, method: Method, precompute: bool) -> Any:
    """Return the trainer's configuration.

    Args:
        job: the training.
        method: its method.
        precompute: whether the reference model's figures are computed beforehand.

    Raises:
        ValueError: another number of processes has been started than the job has.
    """
    settings = job.settings
    ours: dict[str, Any] = dict(
        **method.settings,
        **({"precompute_ref_log_probs": precompute} if method.reference else {}),
        output_dir=str(job.folder),
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=round(settings.warmup * job.steps),
        max_steps=job.steps,
        per_device_train_batch_size=settings.batch_size * method.rows_a_pair,
        per_device_eval_batch_size=settings.batch_size * method.rows_a_pair,
        gradient_accumulation_steps=settings.gradient_accumulation,
        gradient_checkpointing=settings.gradient_checkpointing,
        bf16=settings.dtype == "bfloat16",
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=torch.cuda.is_available(),
        seed=job.seed,
        data_seed=job.seed,
        save_strategy="steps",
        save_steps=settings.save_every,
        save_total_limit=None,  # older ones are removed once the new one is complete
        logging_steps=max(1, job.steps // _LOGGED_STEPS),
        logging_nan_inf_filter=False,
        # Our own callback writes TensorBoard's files: it knows the folder and resumes them.
        report_to=[name for name in settings.report_to if name != "tensorboard"],
        disable_tqdm=True,
        **_sharding(settings),
        **_early_stopping(settings),
    )
    # What is the recipe's own was refused among the library's when the recipe was read.
    given = training_options(settings.method, settings.training)
    if given.get("packing"):  # nothing is cut: no text is longer than a pack
        given["max_length"] = settings.max_length
    arguments: Any = method.config(**ours | given)
    if arguments.n_gpu > 1:
        log.warning(
            "align: %d GPUs are visible, one is used: `align.processes: auto` uses all",
            arguments.n_gpu,
        )
        arguments._n_gpu = 1
    if arguments.world_size != job.processes:
        raise ValueError(f"{arguments.world_size} processes train instead of {job.processes}")
    return arguments


def _early_stopping(settings: Align) -> dict[str, Any]:
    if settings.early_stopping is None:
        return {}
    return {
        "metric_for_best_model": "eval_loss",
        "greater_is_better": False,
        "restore_callback_states_from_checkpoint": True,
    }


def _sharding(settings: Align) -> dict[str, Any]:
    if settings.sharding == "none":
        return {}
    options = yaml.safe_load(SHARDING_FILE.read_text(encoding="utf-8"))
    return {"fsdp": True, "fsdp_config": options["fsdp_config"]}
