"""The output head on the tokens that have a label alone, where TRL would apply it to all of them."""

from __future__ import annotations

import logging
from typing import Any

import torch
from trl.trainer import utils

log = logging.getLogger(__name__)

_NAME = "_use_triton"


def score_labelled_tokens() -> None:
    """Let TRL's supervised loss leave out unlabelled positions (prompts, padding) on a CPU too.

    TRL does so where Triton runs. Elsewhere it scores every position, since some compilers need equal shapes, which
    takes most of a step with a vocabulary of 262,000 and short responses. The loss is the same: the other positions
    are masked afterwards. Calling it again changes nothing.
    """
    known: Any = getattr(utils, _NAME, None)
    if known is None:
        log.info("align: this version of TRL scores prompts and padding too, which is slower")
    elif not isinstance(known, _OnCpuToo):
        setattr(utils, _NAME, _OnCpuToo(known))


class _OnCpuToo:
    """TRL's decision on a device, with yes for the CPU."""

    def __init__(self, known: Any) -> None:
        self.known = known

    def __call__(self, device: torch.device) -> bool:
        return device.type == "cpu" or bool(self.known(device))
