"""Tasks of EleutherAI's lm-evaluation-harness, if the user has installed it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlc_data.lm.loading import KEY, default_device, load_model, quiet


def run_tasks_at(
    location: str,
    revision: str | None,
    tasks: Sequence[str],
    limit: int | None = None,
    *,
    dtype: Any = "float32",
) -> dict[str, dict[str, float]]:
    """Return the harness's figures of a model, by task.

    Args:
        location: a folder, a .gguf file, a ``package://`` file, or a Hub id.
        revision: commit or tag on the Hub.
        tasks: the harness's names of tasks; it downloads their data itself.
        limit: largest number of examples per task; None takes all.
        dtype: type of the weights.

    Raises:
        ImportError: the harness is not installed.
        ModelError: see `mlc_data.lm.loading.load_model`.
    """
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM

    loaded = load_model(location, revision, dtype, KEY)
    device = default_device()
    with quiet():
        model = HFLM(pretrained=loaded.model.to(device), tokenizer=loaded.tokenizer)
        evaluation = simple_evaluate(model=model, tasks=list(tasks), limit=limit)
    return {
        task: {
            name: float(value) for name, value in figures.items() if isinstance(value, int | float)
        }
        for task, figures in evaluation["results"].items()
    }
