"""The figures of a training are in TensorBoard's event files, each step once."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers.integrations import WandbCallback

from mlc_data.align import align, train
from mlc_data.align.stage import AlignStage
from mlc_data.align.train import _Trainer
from mlc_data.errors import UsageError
from mlc_data.pipeline.run import Run
from mlc_data.recipe.align import Align

pytestmark = pytest.mark.integration

MakeRun = Callable[..., Run]


def events(run: Run) -> dict[str, list[tuple[int, float]]]:
    read = EventAccumulator(str(run.path("tensorboard"))).Reload()
    return {
        name: [(each.step, each.value) for each in read.Scalars(name)]
        for name in read.Tags()["scalars"]
    }


def written(run: Run) -> dict[str, list[tuple[int, float]]]:
    """What training.jsonl says, in the float32 that event files hold."""
    found: dict[str, list[tuple[int, float]]] = {}
    for line in run.path("training.jsonl").read_text().splitlines():
        row = json.loads(line)
        for name, value in row.items():
            if name != "step":
                single = struct.unpack("f", struct.pack("f", value))[0]
                found.setdefault(name, []).append((row["step"], single))
    return found


def test_event_files_hold_what_training_jsonl_holds(make_run: MakeRun) -> None:
    run = make_run()
    align(run)
    found = events(run)
    assert found == written(run)
    assert [step for step, _ in found["mlc/loss"]] == [1, 3, 5]
    assert {"mlc/first_share", "mlc/between_cosine", "rewards/margins", "loss"} <= set(found)
    assert "tensorboard" not in json.dumps(run.manifest.stages["align"].outputs)


def test_after_a_kill_every_step_stands_there_once(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(save_every=2)
    save = _Trainer._save_checkpoint

    def killed(self: Any, *args: Any) -> None:
        if self.state.global_step == 4:  # steps 3 and 4 were logged and run again
            raise ConnectionAbortedError
        save(self, *args)

    with monkeypatch.context() as patch, pytest.raises(ConnectionAbortedError):
        patch.setattr(_Trainer, "_save_checkpoint", killed)
        align(run)
    assert [step for step, _ in events(run)["loss"]] == [1, 2, 3, 4]
    align(run)
    assert run.manifest.stages["align"].notes["resumed_from"] == 2
    assert len(list(run.path("tensorboard").iterdir())) == 2
    assert events(run) == written(run)


def test_another_training_leaves_nothing_of_the_one_before(make_run: MakeRun) -> None:
    align(make_run(max_steps=3))
    run = make_run(max_steps=2)
    align(run)
    assert [step for step, _ in events(run)["loss"]] == [1, 2]
    # Who is told of a training does not change what comes out of it.
    assert align(make_run(max_steps=2, report_to=[])) is True
    silent = make_run(max_steps=1, report_to=[])
    align(silent)
    assert not silent.path("tensorboard").exists()


def test_weights_and_biases_is_there_only_if_named(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainers: list[Any] = []
    make = train._trainer

    def kept(*args: Any) -> Any:
        trainers.append(make(*args))
        return trainers[-1]

    monkeypatch.setattr(train, "_trainer", kept)
    run = make_run(max_steps=1)
    align(run)
    handlers = trainers[0].callback_handler.callbacks
    assert not any(isinstance(each, WandbCallback) for each in handlers)
    assert trainers[0].args.report_to == []
    named = make_run("named", report_to=["tensorboard", "wandb"])
    monkeypatch.setattr(
        "mlc_data.align.stage.find_spec", lambda name: name == "tensorboard" or None
    )
    with pytest.raises(UsageError, match=r"report_to names wandb.*pip install wandb"):
        AlignStage().preflight(named)
    AlignStage().preflight(run)


def test_who_can_be_told() -> None:
    with pytest.raises(ValidationError, match=r"'tensorboard'.*'trackio' or 'wandb'"):
        Align.model_validate({"model": "x", "report_to": ["a_friend"]})
    Align.model_validate({"model": "x", "report_to": ["mlflow"]})
