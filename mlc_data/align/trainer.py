"""The consistency loss on TRL's trainers."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from trl import DPOTrainer

from mlc_data.align.collectives import SharedModule, mean_of_processes
from mlc_data.consistency.hidden_states import find_decoder, set_states
from mlc_data.consistency.loss import MultilingualConsistencyLoss, at_floor, bounds
from mlc_data.consistency.token_sets import SetSampler
from mlc_data.core.seals import seal
from mlc_data.errors import MlcDataError
from mlc_data.lm.prompt_format import Tokens

log = logging.getLogger(__name__)

LOSS_FILE = "consistency_loss.safetensors"
"""The extractor's weights and the moving mean within a training checkpoint."""


@dataclass(frozen=True)
class Consistency:
    """Consistency loss, variant sets and schedule that `MLCTrainerMixin` adds to a trainer.

    Args:
        loss: the loss; its parameters are trained too, unless they are frozen.
        sets: variant sets as token ids, see `mlc_data.consistency.token_sets.TokenSets.rows`.
        weight: lambda, 0 or more; 0 adds nothing and computes nothing.
        every: the loss is added on the first of every ``every`` optimiser steps.
        sets_per_step: sets read on such a step.
        layer: see `mlc_data.consistency.hidden_states.last_token_states`.
        final_norm: see there; the loss's own ``center`` subtracts a moving mean.
        seed: determines the order of the sets.
        batch_size: largest number of texts per forward pass.
    """

    loss: MultilingualConsistencyLoss
    sets: Sequence[Sequence[Tokens | None]]
    weight: float = 0.8
    every: int = 2
    sets_per_step: int = 4
    layer: int = -1
    final_norm: bool = False
    seed: int = 0
    batch_size: int = 64


class MLCTrainerMixin:
    """Adds ``weight`` x the consistency loss to any trainer that has ``compute_loss``.

    ::

        class Trainer(MLCTrainerMixin, SFTTrainer): ...
        trainer = Trainer(..., consistency=Consistency(MultilingualConsistencyLoss(), sets))

    With gradient accumulation the term is computed once per optimiser step, at its last forward
    pass, and enters the step's gradient exactly ``weight`` times. Figures are logged under
    ``mlc/``. The extractor is optimised at the trainer's learning rate without weight decay; it and
    the moving mean, which several processes share after each batch, are saved and restored with the
    training checkpoints.

    With several processes each reads different sets of a step; the gradients of model and extractor, and
    the figures, are means over the processes.

    Raises:
        MlcDataError: a loss is not finite; names the step.
    """

    def __init__(self, *args: Any, consistency: Consistency, **kwargs: Any) -> None:
        self.consistency = consistency
        self._mlc_figures: defaultdict[str, list[Tensor]] = defaultdict(list)
        self._mlc_sampler = SetSampler(
            len(consistency.sets), consistency.sets_per_step, consistency.seed
        )
        super().__init__(*args, **kwargs)
        if consistency.weight and not consistency.sets:
            raise MlcDataError("the consistency loss has no variant sets to read")
        host: Any = self
        loss, model = consistency.loss, host.model
        find_decoder(model).index(consistency.layer)
        loss.build(model.config.get_text_config().hidden_size)
        loss.to(host.args.device)
        host.add_callback(SharedModule(loss))

    def compute_loss(
        self,
        model: nn.Module,
        inputs: Any,
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return the trainer's loss, plus the consistency loss on every n-th step."""
        # The trainer clears only the model's gradients; the extractor's last for one step.
        self.consistency.loss.zero_grad(set_to_none=True)
        host: Any = super()
        result = host.compute_loss(
            model, inputs, return_outputs=return_outputs, num_items_in_batch=num_items_in_batch
        )
        loss = result[0] if return_outputs else result
        self._require_finite(loss, "alignment loss")
        if self._mlc_is_due(model):
            term, figures = self._mlc_term(model)
            self._require_finite(term, "consistency loss")
            loss = loss + self.consistency.weight * term * self._mlc_scale(num_items_in_batch)
            for name, value in figures.items():
                self._mlc_figures["loss" if name == "mlc" else name].append(value)
        return (loss, *result[1:]) if return_outputs else loss

    def _mlc_is_due(self, model: nn.Module) -> bool:
        host: Any = self
        wanted = self.consistency.weight > 0 and model.training
        last_pass = host.accelerator.sync_gradients
        return bool(wanted and last_pass and host.state.global_step % self.consistency.every == 0)

    def _mlc_term(self, model: nn.Module) -> tuple[Tensor, dict[str, Tensor]]:
        host: Any = self
        chosen = self.consistency
        use = host.state.global_step // chosen.every
        if host.args.world_size > 1:
            use = use * host.args.world_size + host.args.process_index
        rows = [chosen.sets[index] for index in self._mlc_sampler.indices(use)]
        with host.accelerator.autocast():  # as in the model's own forward pass
            states, present = set_states(
                model, rows, chosen.layer, chosen.final_norm, chosen.batch_size
            )
        term, figures = chosen.loss(states, present)
        if host.args.world_size > 1 and chosen.loss.running_mean is not None:
            shared = host.accelerator.reduce(chosen.loss.running_mean, reduction="mean")
            chosen.loss.running_mean.copy_(shared)
        if not host.state.global_step and host.is_world_process_zero():
            self._mlc_warn_at_floor(figures["mlc"].item(), present)
        return term, figures

    def _mlc_warn_at_floor(self, value: float, present: Tensor) -> None:
        """Warn if the loss has nothing to teach before any training."""
        host: Any = self
        chosen = self.consistency
        floor, ceiling = bounds(present, chosen.loss.temperature, chosen.loss.form)
        if at_floor(value, floor, ceiling):
            decoder = find_decoder(host.model)
            log.warning(
                "align: the consistency loss begins at its floor: it is %.4f at the first step, and %.4f is the "
                "least that it can be. At layer %d of %d the languages of a prompt are collinear already, so it "
                "teaches next to nothing there. Try another align.loss.layer (mlc-data align probe RUN measures all), or "
                "another align.loss.center", value, floor, decoder.index(chosen.layer), decoder.depth,
            )  # fmt: skip

    def _mlc_scale(self, num_items_in_batch: Any) -> int:
        """Return the number by which the trainer divides the loss for gradient accumulation."""
        host: Any = self
        scaled = getattr(host, "loss_is_scaled_for_ga", None)
        if scaled is None:
            counted = host.model_accepts_loss_kwargs and num_items_in_batch is not None
            scaled = counted or host.compute_loss_func is not None
        return 1 if scaled else int(host.current_gradient_accumulation_steps)

    def _require_finite(self, loss: Tensor, what: str) -> None:
        if not bool(torch.isfinite(loss.detach()).all()):
            host: Any = self
            raise MlcDataError(
                f"the {what} is {loss.detach().mean().item()} at step "
                f"{host.state.global_step + 1}: lower align.learning_rate, or train in float32"
            )

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log with the mean of the figures since the last call, as ``mlc/<figure>``."""
        host: Any = self
        if host.model.training:
            for name, values in self._mlc_figures.items():
                mean = mean_of_processes(torch.stack(values).nanmean())
                logs[f"mlc/{name}"] = mean.item()
            self._mlc_figures.clear()
        parent: Any = super()
        parent.log(logs, start_time)

    def create_optimizer(self, *args: Any, **kwargs: Any) -> Any:
        """Return the trainer's optimizer with the extractor as one more group."""
        parent: Any = super()
        optimizer = parent.create_optimizer(*args, **kwargs)
        known = {id(p) for group in optimizer.param_groups for p in group["params"]}
        own = self.consistency.loss.parameters()
        extra = [p for p in own if p.requires_grad and id(p) not in known]
        if extra and self.consistency.weight:
            optimizer.add_param_group({"params": extra, "weight_decay": 0.0})
        return optimizer

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        parent: Any = super()
        parent._save_checkpoint(model, trial)
        host: Any = self
        host.accelerator.wait_for_everyone()  # each process writes a file of its own
        if host.args.should_save:
            step = host.state.global_step
            folder = Path(host._get_output_dir(trial=trial)) / f"checkpoint-{step}"
            state = {
                name: value.detach().cpu().contiguous()
                for name, value in self.consistency.loss.state_dict().items()
            }
            save_file(state, folder / LOSS_FILE)
            seal(folder)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        parent: Any = super()
        parent._load_from_checkpoint(resume_from_checkpoint, model)
        file = Path(resume_from_checkpoint) / LOSS_FILE
        if not file.is_file():
            raise MlcDataError(f"{resume_from_checkpoint} has no {LOSS_FILE}: saved without MLC")
        self.consistency.loss.load_state_dict(load_file(file))


class MLCDPOTrainer(MLCTrainerMixin, DPOTrainer):  # type: ignore[misc]
    """TRL's DPO with the consistency loss.

    Takes `DPOTrainer`'s arguments and ``consistency``. With a ``peft_config`` the reference model
    is the model without its adapters; without one, set ``precompute_ref_log_probs``, so that no
    second model is kept. The variants are never run through the reference model.
    """
