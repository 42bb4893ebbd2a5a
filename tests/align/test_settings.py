"""Settings of the libraries in real trainings: optimiser and scheduler, evaluations, adapters, templates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from alignment_fixtures import alignable_run
from peft import AutoPeftModelForCausalLM
from safetensors.torch import load_file
from tiny_models import CHATML, chat_tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from mlc_data.align import align, load_model
from mlc_data.align import train as training
from mlc_data.align.stage import AlignStage
from mlc_data.core.parquet import read_table
from mlc_data.errors import UsageError
from mlc_data.pipeline.run import Run

pytestmark = pytest.mark.integration

MakeRun = Callable[..., Run]


def log_of(run: Run) -> list[dict[str, float]]:
    import json

    return [json.loads(line) for line in run.path("training.jsonl").read_text().splitlines()]


@pytest.fixture
def trainers(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The trainers that are made."""
    made: list[Any] = []
    make = training._trainer

    def kept(job: Any) -> Any:
        made.append(make(job))
        return made[-1]

    monkeypatch.setattr(training, "_trainer", kept)
    return made


@pytest.mark.parametrize("method", ["dpo", "sft", "orpo", "simpo", "kto"])
def test_optimiser_and_scheduler_of_the_recipe(
    make_run: MakeRun, trainers: list[Any], method: str
) -> None:
    given = {"lr_scheduler_type": "constant", "optim": "adafactor"}
    align(make_run(training=given, method=method, max_steps=3))
    assert type(trainers[0].optimizer.optimizer).__name__ == "Adafactor"
    assert trainers[0].lr_scheduler.get_last_lr()[0] == 1e-3


def test_replies_are_packed(make_run: MakeRun, trainers: list[Any]) -> None:
    run = make_run(
        method="sft", training={"packing": True, "packing_strategy": "wrapped"}, max_steps=2
    )
    align(run)
    rows = trainers[0].train_dataset
    assert 1 < len(rows) < 8
    assert max(map(len, rows["input_ids"])) == 200


def test_the_best_step_is_kept(make_run: MakeRun) -> None:
    evaluated = {"eval_strategy": "steps", "eval_steps": 1, "load_best_model_at_end": True}
    run = make_run(
        training=evaluated, early_stopping=1, learning_rate=0.3, save_every=1, max_steps=12
    )
    align(run)
    losses = [row["eval_loss"] for row in log_of(run) if "eval_loss" in row]
    assert losses.index(min(losses)) < len(losses) - 1


def test_the_loss_on_held_out_pairs_and_an_early_end(make_run: MakeRun) -> None:
    run = make_run(
        training={"eval_strategy": "steps", "eval_steps": 1}, early_stopping=1, learning_rate=0.3, max_steps=12
    )  # fmt: skip
    align(run)
    evaluated = [row for row in log_of(run) if "eval_loss" in row]
    steps = run.manifest.stages["align"].notes["steps"]
    assert 1 < len(evaluated) == steps < 12


def test_evaluations_without_held_out_pairs(make_run: MakeRun) -> None:
    run = make_run(training={"eval_strategy": "epoch"})
    from mlc_data.core.parquet import write_table
    from mlc_data.core.records import PREFERENCES

    pairs = read_table(run.path("preferences.parquet"), PREFERENCES)
    write_table(pairs[:8], run.path("preferences.parquet"), PREFERENCES)
    with pytest.raises(UsageError, match="no pair's prompt is held out"):
        align(run)


def test_adapters_are_kept(make_run: MakeRun, tiny: Path) -> None:
    settings: dict[str, Any] = {"lora": {"r": 4, "use_rslora": True}, "max_steps": 3}
    run, merged = make_run("kept", merge=False, **settings), make_run("merged", **settings)
    align(run)
    align(merged)
    folder = run.path("checkpoint")
    assert (folder / "adapter_model.safetensors").is_file()
    assert not list(folder.glob("model*.safetensors"))
    own = AutoPeftModelForCausalLM.from_pretrained(folder).merge_and_unload()
    ours = load_model(str(folder)).model
    expected = AutoModelForCausalLM.from_pretrained(merged.path("checkpoint"))
    for one in (own, ours):
        torch.testing.assert_close(one.state_dict(), expected.state_dict())
    assert AutoTokenizer.from_pretrained(folder).chat_template
    assert "AutoPeftModelForCausalLM" in (folder / "README.md").read_text()


def test_what_was_aligned_with_adapters_is_aligned_further(
    make_run: MakeRun, small: dict[str, Any], tmp_path: Path
) -> None:
    first = make_run("first", merge=False, max_steps=2)
    align(first)
    second = alignable_run(tmp_path / "second", first.path("checkpoint"), small, max_steps=2)
    AlignStage().preflight(second)
    align(second)
    assert load_file(second.path("checkpoint", "model.safetensors"))


def test_the_checkpoint_stops_where_the_template_ends_a_turn(make_run: MakeRun, tiny: Path) -> None:
    tokenizer = chat_tokenizer(CHATML.replace("<|im_end|>", "<|eot|>"))
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|eot|>"]})
    tokenizer.save_pretrained(tiny)
    run = make_run(max_steps=2)
    align(run)
    stops = GenerationConfig.from_pretrained(run.path("checkpoint")).eos_token_id
    assert sorted(stops) == [1, tokenizer.convert_tokens_to_ids("<|eot|>")]


def test_a_template_and_its_switches_are_in_the_checkpoint_and_in_the_key(
    make_run: MakeRun, tmp_path: Path
) -> None:
    file = tmp_path / "mine.jinja"
    file.write_text("{% if loud is defined and loud %}!{% endif %}" + CHATML)
    options = {"chat_template": str(file), "chat_template_options": {"loud": True}}
    run = make_run(max_steps=2, **options)
    align(run)
    tokenizer = AutoTokenizer.from_pretrained(run.path("checkpoint"))
    turn = [{"role": "user", "content": "Hi"}]
    assert tokenizer.apply_chat_template(turn, tokenize=False).startswith("!<|im_start|>")
    key = AlignStage().digest(run)
    file.write_text(CHATML + "{# loud #}")
    assert AlignStage().digest(run) != key
