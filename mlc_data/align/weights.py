"""Proof that a training trains: the share of the weights that its first steps changed."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from transformers import TrainerCallback

from mlc_data.align.collectives import sum_of_processes
from mlc_data.errors import MlcDataError
from mlc_data.recipe.align import WAYS_OUT, Align

log = logging.getLogger(__name__)

FIRST_STEPS = 20
"""Optimiser steps after which the weights are compared with those before the first."""

CHANGED = "weights/changed"
"""Key of the share in the trainer's history."""

_SAMPLE = 2**22
"""About so many weights are compared, evenly spread over all that are trained."""


def hold_in(model: nn.Module, settings: Align) -> None:
    """Change the trained weights to the type that they are held in between steps, in place.

    Adapters are always held in float32; TRL casts those of quantised models to bfloat16.
    """
    kind = torch.float32 if settings.lora else getattr(torch, settings.weights)
    for weight in model.parameters():
        if weight.requires_grad and weight.dtype != kind:
            weight.data = weight.data.to(kind)


class WeightWatch(TrainerCallback):  # type: ignore[misc]
    """Measures after `FIRST_STEPS`, or the last step, how many of the trained weights have changed.

    Weights that no gradient has reached yet (rows of tokens that have not been read) do not count. The share is
    kept in the trainer's history under `CHANGED`, so that a resumed training has it too.

    Raises:
        MlcDataError: it is less than ``least``.

    Args:
        trainer: whose model is watched.
        steps: of the whole training.
        least: smallest share that is accepted.
    """

    def __init__(self, trainer: Any, steps: int, least: float) -> None:
        self.trainer = trainer
        self.step = min(FIRST_STEPS, steps)
        self.least = least
        self._before: list[Tensor] | None = None
        self._reached: list[Tensor] = []

    def remember(self) -> None:
        """Keep the weights as they are now, unless some are kept already."""
        if self._before is None:
            self._before = [each.clone() for each in self._sample()]
            self._reached = [torch.zeros_like(each, dtype=torch.bool) for each in self._before]

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Called by the trainer before the first step, when the model is where it is trained."""
        self.remember()
        if (known := self.share(state)) is not None:
            self._require(known)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Called by the trainer when the gradients of a step are complete."""
        if state.global_step < self.step:
            for each, gradient in zip(self._reached, self._sample(gradients=True), strict=True):
                each.logical_or_(gradient != 0)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Called by the trainer after a step."""
        if state.global_step != self.step:
            return
        share = self._changed()
        state.log_history.append({"step": state.global_step, CHANGED: share})
        log.info(
            "align: %.1f %% of the weights have changed after %d steps", 100 * share, self.step
        )
        self._require(share)

    def share(self, state: Any) -> float | None:
        """Return the measured share; None before it is measured."""
        return next((row[CHANGED] for row in state.log_history if CHANGED in row), None)

    def stored(self, kind: torch.dtype) -> float:
        """Return the share of the weights that have changed once they are stored in a type."""
        assert self._before is not None
        pairs = zip(self._sample(), self._before, strict=True)
        changed = sum(int((now.to(kind) != then.to(kind)).sum()) for now, then in pairs)
        return self._ratio(changed, sum(each.numel() for each in self._before))

    def _changed(self) -> float:
        assert self._before is not None
        trio = zip(self._sample(), self._before, self._reached, strict=True)
        changed = sum(int(((now != then) & reached).sum()) for now, then, reached in trio)
        return self._ratio(changed, sum(int(each.sum()) for each in self._reached))

    def _ratio(self, part: int, whole: int) -> float:
        counts = sum_of_processes(torch.tensor([part, whole]), self.trainer.args.device)
        return round(float(counts[0] / counts[1].clamp_min(1)), 4)

    def _require(self, share: float) -> None:
        if share < self.least:
            raise MlcDataError(
                f"{share:.1%} of the trained weights have changed after {self.step} steps, and align.min_changed asks "
                f"for {self.least:.0%}: the updates are rounded away, or align.learning_rate is too small. Three ways "
                f"out: {WAYS_OUT}"
            )

    def _sample(self, *, gradients: bool = False) -> Iterator[Tensor]:
        """Yield every n-th trained weight of each tensor that this process holds, or its gradient."""
        weights = [weight for weight in self.trainer.model.parameters() if weight.requires_grad]
        # Odd, so that it is not a column of a matrix that is seen.
        stride = math.ceil(sum(weight.numel() for weight in weights) / _SAMPLE) | 1
        for weight in weights:
            own = _local(weight.detach()).reshape(-1)[::stride]
            if not gradients:
                yield own
            elif weight.grad is None:
                yield torch.zeros_like(own)
            else:
                yield _local(weight.grad.detach()).reshape(-1)[::stride]


def _local(weight: Any) -> Tensor:
    """Return this process's share of a sharded tensor; another as it is."""
    local: Tensor = weight.to_local() if hasattr(weight, "to_local") else weight
    return local
