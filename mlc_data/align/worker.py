"""One process of several that train together: ``python -m mlc_data.align.worker TASK``.

Started by `mlc_data.align.agent`, which tells it its rank by the environment (``RANK``,
``WORLD_SIZE``, ``MASTER_ADDR`` ..., as torchrun does).
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from dataclasses import fields
from pathlib import Path
from typing import Any

from peft import get_peft_model
from torch import distributed
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict

from mlc_data.align.checkpoint import merged
from mlc_data.align.data import load, read_inputs
from mlc_data.align.launch import Task
from mlc_data.align.relay import Teller, TellingHandler, TellingReporter
from mlc_data.align.stage import BOARD
from mlc_data.align.stopping import request_stop
from mlc_data.align.train import Job, Trained, adapters_of, train
from mlc_data.core import progress
from mlc_data.core.files import write_text
from mlc_data.errors import MlcDataError, StoppedError
from mlc_data.lm.loading import quiet
from mlc_data.lm.prompt_format import PromptFormat
from mlc_data.pipeline.run import Run


def main(task: Task, rank: int) -> int:
    """Train, and do what the parent says meanwhile."""
    threading.Thread(target=_listen, daemon=True).start()
    if rank == 0:
        _tell(task)
    status = work(task, rank)
    if status == 0 and distributed.is_initialized():
        distributed.destroy_process_group()
    return status


def work(task: Task, rank: int) -> int:
    """Train; the first process writes what comes of it, each its error. The error's exit status; 0 also
    if the training was stopped in order."""
    try:
        share(task, rank)
    except StoppedError as error:
        if rank == 0:
            write_text(task.outcome, json.dumps({"stopped": str(error)}))
    except MlcDataError as error:
        told = {"kind": type(error).__name__, "message": str(error)}
        write_text(task.failure(rank), json.dumps(told))
        return error.exit_code
    return 0


def share(task: Task, rank: int) -> None:
    """One process's share of the training; the first one writes what comes of it.

    Raises:
        StoppedError: asked to stop; the last step is saved.
        MlcDataError: see `mlc_data.align.train.train`.
    """
    with quiet():
        trained = _train(task)
        model = _whole(task, trained.model)
        if rank == 0:
            _write(task, trained, model)


def _listen() -> None:
    """Do what the parent says: a line asks to stop, and where nobody is left to say anything the
    training ends at once."""
    while os.read(sys.stdin.fileno(), 64):  # no buffer, whose lock would be held at our end
        request_stop()
    os._exit(1)


def _tell(task: Task) -> None:
    teller = Teller(task.events)
    progress.use(TellingReporter(teller))
    ours = logging.getLogger("mlc_data")
    ours.setLevel(logging.INFO)
    ours.addHandler(TellingHandler(teller))
    ours.propagate = False


def _train(task: Task) -> Trained:
    run = Run(task.recipe, task.run)
    loaded = load(task.recipe.align, task.revision)
    inputs = read_inputs(run, PromptFormat(loaded.tokenizer))
    return train(
        Job(
            model=loaded.model,
            tokenizer=loaded.tokenizer,
            pairs=inputs.pairs,
            sets=inputs.sets.rows,
            settings=task.recipe.align,
            seed=task.recipe.seed,
            folder=task.folder,
            board=run.path(BOARD),
        )
    )


def _whole(task: Task, model: Any) -> Any:
    """The model with all its weights; of a sharded one in the first process alone, None elsewhere."""
    settings = task.recipe.align
    if settings.sharding == "none":
        return model
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    weights = get_model_state_dict(model, options=options)  # all processes give theirs
    if distributed.get_rank():
        return None
    whole = load(settings, task.revision).model
    if adapters := adapters_of(settings):
        whole = get_peft_model(whole, adapters)
    whole.load_state_dict(weights)
    return whole


def _write(task: Task, trained: Trained, model: Any) -> None:
    merged(model).save_pretrained(task.weights)
    names = [each.name for each in fields(Trained) if each.name != "model"]
    write_text(task.outcome, json.dumps({name: getattr(trained, name) for name in names}))


if __name__ == "__main__":
    sys.exit(main(Task.read(Path(sys.argv[1])), int(os.environ["RANK"])))
