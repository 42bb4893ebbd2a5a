"""A tiny Llama is trained for real: what is written, what is left out, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
import yaml
from safetensors.torch import load_file
from support import forget_stages
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import DPOTrainer

from mlc_data.align import align
from mlc_data.align.stage import AlignStage
from mlc_data.align.train import _Trainer
from mlc_data.core.parquet import write_table
from mlc_data.core.records import PREFERENCES, SETS
from mlc_data.errors import MlcDataError, ModelError, StoppedError, UsageError
from mlc_data.pipeline.run import Run

pytestmark = pytest.mark.integration

MakeRun = Callable[..., Run]


def weights(run: Run) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = load_file(run.path("checkpoint", "model.safetensors"))
    return found


def log_of(run: Run) -> list[dict[str, float]]:
    return [json.loads(line) for line in run.path("training.jsonl").read_text().splitlines()]


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_the_checkpoint_is_an_ordinary_folder(make_run: MakeRun, tiny: Path, capsys: Any) -> None:
    run = make_run()
    assert align(run) is False
    assert capsys.readouterr().out == ""
    folder = run.path("checkpoint")
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    chat = tokenizer.apply_chat_template(
        [{"role": "user", "content": "How do I mend a car?"}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    reply = model.generate(**chat, max_new_tokens=4, do_sample=False)
    assert reply.shape[1] > chat["input_ids"].shape[1]
    assert model.config.use_cache
    names = {file.name for file in folder.iterdir()}
    assert {"model.safetensors", "generation_config.json", "tokenizer.json", "README.md"} <= names
    assert not any(name.startswith("adapter") or name.endswith(".bin") for name in names)
    base = load_file(tiny / "model.safetensors")
    assert not same(weights(run), base)

    card = (folder / "README.md").read_text()
    head = yaml.safe_load(card.split("---\n")[1])
    assert head["license"] == "mit"
    assert run.recipe.hash in card
    assert run.content_hash("sets") in card
    assert run.content_hash("preferences") in card
    assert "temperature: 0.2" in card

    manifest = run.manifest
    notes = manifest.stages["align"].notes
    assert manifest.models["base"].licence == "MIT"
    assert notes["pairs"] == {"used": 8, "left_out": {"held_out": 2}}
    assert notes["sets"]["used"] == 8
    assert notes["steps"] == 6
    assert notes["prompt_format"] == "chat"
    assert notes["trainable_parameters"] > 0
    assert notes["extractor_parameters"] == 33 * 16
    assert "mlc/loss" in log_of(run)[0]
    assert "mlc/loss" not in log_of(run)[1]
    assert not list(run.folder.glob(".training-*"))
    assert align(run) is True


def test_two_trainings_give_the_same(make_run: MakeRun) -> None:
    runs = [make_run(name) for name in ("one", "two")]
    for run in runs:
        align(run)
    assert log_of(runs[0]) == log_of(runs[1])
    assert same(weights(runs[0]), weights(runs[1]))


def test_mlc_lowers_its_loss_and_without_weight_it_is_not_there(make_run: MakeRun) -> None:
    loss = {"every": 1, "sets_per_step": 8, "weight": 5.0}
    run = make_run("with", loss=loss, max_steps=12, learning_rate=1e-2)
    align(run)
    values = [row["mlc/loss"] for row in log_of(run)]
    assert values[-1] < 0.8 * values[0]
    run = make_run("without", loss={"weight": 0}, max_steps=1)
    align(run)
    assert not any("mlc/loss" in row for row in log_of(run))


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("full", {"lora": None}),
        ("bfloat16", {"dtype": "bfloat16"}),
        ("full-bfloat16", {"lora": None, "dtype": "bfloat16"}),
        ("checkpointing", {"gradient_checkpointing": True}),
        ("epochs", {"max_steps": None, "epochs": 0.5}),
    ],
)
def test_other_settings_train_too(make_run: MakeRun, name: str, options: dict[str, Any]) -> None:
    run = make_run(name, **{"max_steps": 2, **options})
    align(run)
    rows = log_of(run)
    assert len(rows) == 2
    assert all(row["loss"] > 0 for row in rows)
    kind = torch.bfloat16 if "bfloat16" in name else torch.float32
    assert weights(run)["lm_head.weight"].dtype == kind


def test_accumulated_steps_weigh_mlc_once(make_run: MakeRun) -> None:
    """The same four pairs in one pass or in two: the logged total is the same."""
    totals = []
    for name, size, passes in (("one", 4, 1), ("two", 2, 2)):
        run = make_run(
            name,
            batch_size=size,
            gradient_accumulation=passes,
            max_steps=1,
            lora={"r": 4},
            loss={"weight": 10.0},
        )
        align(run)
        totals.append(log_of(run)[0])
    assert totals[0]["mlc/loss"] == pytest.approx(totals[1]["mlc/loss"], abs=1e-5)
    assert totals[0]["loss"] == pytest.approx(totals[1]["loss"], abs=1e-4)
    assert totals[0]["loss"] > 10 * totals[0]["mlc/loss"]
    assert totals[0]["grad_norm"] == pytest.approx(totals[1]["grad_norm"], rel=1e-2)


# `test_methods_on_quickstart.py` has every method.
@pytest.mark.parametrize(
    ("method", "lora"),
    [("dpo", {"r": 4, "dropout": 0.1}), ("dpo", None), ("sft", None)],
)
def test_a_stopped_training_goes_on_to_the_same_weights(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, lora: Any, method: str
) -> None:
    whole = make_run("whole", save_every=2, max_steps=5, lora=lora, method=method)
    align(whole)
    cut = make_run("cut", save_every=2, max_steps=5, lora=lora, method=method)
    save = _Trainer._save_checkpoint

    def killed(self: Any, *args: Any) -> None:
        save(self, *args)
        if self.state.global_step == 4:
            raise ConnectionAbortedError

    monkeypatch.setattr(_Trainer, "_save_checkpoint", killed)
    with pytest.raises(ConnectionAbortedError):
        align(cut)
    monkeypatch.setattr(_Trainer, "_save_checkpoint", save)
    assert not cut.path("checkpoint").exists()
    (folder,) = cut.folder.glob(".training-*")
    assert [path.name for path in folder.glob("checkpoint-*")] == ["checkpoint-4"]
    (folder / "checkpoint-5").mkdir()  # cut short while it was written
    align(cut)
    assert cut.manifest.stages["align"].notes["resumed_from"] == 4
    assert same(weights(whole), weights(cut))
    assert log_of(whole) == log_of(cut)


def test_a_training_killed_at_its_end_is_not_trained_further(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlc_data.align.checkpoint as home

    whole, cut = make_run("whole"), make_run("cut")
    align(whole)

    def killed(*_: Any) -> None:
        raise ConnectionAbortedError

    with monkeypatch.context() as patch, pytest.raises(ConnectionAbortedError):
        patch.setattr(home, "write_checkpoint", killed)
        align(cut)
    align(cut)
    assert cut.manifest.stages["align"].notes["resumed_from"] == 6
    assert same(weights(whole), weights(cut))
    assert log_of(whole) == log_of(cut)


def test_a_stop_from_another_thread_is_heard(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    from mlc_data.align.stopping import request_stop

    run = make_run(save_every=50)
    step = DPOTrainer.training_step

    def stopping(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.state.global_step == 1:
            request_stop()
        return step(self, *args, **kwargs)

    monkeypatch.setattr(DPOTrainer, "training_step", stopping)
    raised: list[BaseException] = []

    def work() -> None:
        try:
            align(run)
        except StoppedError as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert "after step 2 of 6" in str(raised[0])
    assert list(run.folder.glob(".training-*/checkpoint-2/complete"))


def test_a_loss_that_is_not_finite_stops_the_training(make_run: MakeRun, tiny: Path) -> None:
    from safetensors.torch import save_file

    run = make_run()
    broken = load_file(tiny / "model.safetensors")
    broken["model.norm.weight"][0] = torch.nan
    save_file(broken, tiny / "model.safetensors", {"format": "pt"})
    with pytest.raises(MlcDataError, match="loss is nan at step 1"):
        align(run)
    assert "align" not in run.manifest.stages


def test_no_pairs(make_run: MakeRun) -> None:
    run = make_run(max_length=8)
    with pytest.raises(MlcDataError, match=r"no preference pair .* 8 too_long"):
        align(run)
    write_table(pl.DataFrame(schema=PREFERENCES), run.path("preferences.parquet"), PREFERENCES)
    with pytest.raises(MlcDataError, match="the sources have none"):
        align(run)


def test_no_sets(make_run: MakeRun) -> None:
    run = make_run()
    (file,) = run.path("sets").glob("train-*")
    write_table(pl.DataFrame(schema=SETS), file, SETS)
    with pytest.raises(MlcDataError, match="no variant set is left"):
        align(run)


def test_a_layer_too_high_is_refused(make_run: MakeRun) -> None:
    with pytest.raises(ModelError, match=r"align\.loss\.layer is 9, but the model has 4"):
        align(make_run(loss={"layer": 9}))


def test_before_the_sets_are_built(make_run: MakeRun) -> None:
    run = make_run()
    forget_stages(run, "sets")
    manifest = run.manifest
    assert manifest.content_hash.sets is None
    with pytest.raises(UsageError, match="no sets yet"):
        align(run)


def test_preflight_looks_without_loading(make_run: MakeRun, tiny: Path) -> None:
    run = make_run()
    AlignStage().preflight(run)
    (tiny / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="weights are missing"):
        AlignStage().preflight(run)
