"""Devices for `mlc-data doctor`: one sentence is translated and one step is trained on each, not merely counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from mlc_data.core.cores import available_cores
from mlc_data.core.extras import explain_missing_extra
from mlc_data.errors import MlcDataError, first_line
from mlc_data.recipe.loading import load_recipe
from mlc_data.recipe.recipe import Recipe

Row = tuple[str, str, bool]
"""Subject, finding, and True if it is good."""

SENTENCE, TARGET = "Can you explain to me how to repair a bicycle?", "spa_Latn"
_WIDTH = 64


def devices(recipe: Recipe) -> Iterator[Row]:
    """Yield rows for the CPU, for translation and for training."""
    yield "CPU", f"{available_cores()} cores", True
    yield _tried("CTranslate2", lambda: _translate(recipe))
    yield _tried("torch", _train)


def _tried(what: str, work: Callable[[], str]) -> Row:
    try:
        with explain_missing_extra():
            return what, work(), True
    # Libraries of a device raise RuntimeError, for lack of memory, of a driver, of a library.
    except (MlcDataError, RuntimeError, OSError) as error:
        return what, first_line(error), False


def _translate(recipe: Recipe) -> str:
    """Translate one sentence with the shipped small model, on the recipe's device and in its numeric type.

    Raises:
        MlcDataError: the device does not exist, lacks a library, or gives no text.
        RuntimeError: an error of CTranslate2.
    """
    from mlc_data.translate.engines.base import Request
    from mlc_data.translate.engines.loading import load_translator
    from mlc_data.translate.engines.runtime import ctranslate2

    gpus = ctranslate2().get_cuda_device_count()
    asked = {
        name: getattr(recipe.translate, name) for name in ("device", "device_index", "compute_type")
    }
    engine = load_translator(load_recipe("quickstart").translate.model_copy(update=asked))
    (translation,) = engine.translate([Request(SENTENCE, "eng_Latn", TARGET)])
    if not translation.text:
        raise MlcDataError(
            f"{gpus} CUDA devices; a sentence came back empty ({translation.failure})"
        )
    used = engine.settings
    return (
        f"{gpus} CUDA devices; translated a sentence on {used['device']} in {used['compute_type']}"
    )


def _train() -> str:
    """Train one step on the first CUDA device, or on the CPU where there is none.

    Raises:
        RuntimeError: an error of torch.
        MlcDataError: the step changed no weight.
    """
    import torch

    gpus = torch.cuda.device_count()
    names = ", ".join(torch.cuda.get_device_name(index) for index in range(gpus))
    device = torch.device("cuda" if gpus else "cpu")
    layer = torch.nn.Linear(_WIDTH, _WIDTH, device=device)
    before = layer.weight.detach().clone()
    optimiser: Any = torch.optim.AdamW(layer.parameters(), lr=1e-3)
    with torch.autocast(device.type, dtype=torch.bfloat16):
        loss = layer(torch.ones(4, _WIDTH, device=device)).square().mean()
    loss.backward()
    optimiser.step()
    if not (layer.weight != before).any():
        raise MlcDataError(f"{names or 'CPU'}: a training step changed no weight")
    return f"{names or 'no CUDA device'}; trained a step on {device.type} in bfloat16"
