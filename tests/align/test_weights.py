"""Weights move: what the first steps change is measured, and a training that changes too little is an error."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from mlc_data.align import PromptFormat, align
from mlc_data.align.data import read_inputs
from mlc_data.align.job import Job
from mlc_data.align.train import Trained, train
from mlc_data.errors import MlcDataError
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import load_recipe

pytestmark = pytest.mark.integration

MakeRun = Callable[..., Run]

HERE = {
    "model",
    "max_steps",
    "batch_size",
    "gradient_accumulation",
    "max_length",
    "processes",
    "sharding",
}
"""Settings that belong to the machine and to the tiny model, not to how weights are updated."""


def of_recipe(name: str) -> dict[str, Any]:
    align = load_recipe(name).align.model_dump(mode="json", exclude=HERE)
    align["loss"] |= {"sets_per_step": 3, "dimensions": 16}
    return {**align, "max_steps": 20, "batch_size": 2, "max_length": 200}


@pytest.mark.parametrize("name", ["paper-nllb-600m", "recommended-qwen2.5-7b", "demo-1gpu"])
def test_the_shipped_recipes_change_the_weights(make_run: MakeRun, name: str) -> None:
    run = make_run(**of_recipe(name))
    align(run)
    changed = run.manifest.stages["align"].notes["weights_changed"]
    assert changed["first_steps"] > 0.5


def job(run: Run, model: Any, tokenizer: Any, **settings: Any) -> Job:
    form = PromptFormat(tokenizer)
    inputs = read_inputs(run, form)
    return Job(
        model=model, tokenizer=tokenizer, pairs=inputs.pairs, sets=inputs.sets.rows,
        settings=run.recipe.align.model_copy(update=settings), seed=1, folder=run.folder / "t",
    )  # fmt: skip


FULL = {"lora": None, "learning_rate": 6e-7, "dtype": "bfloat16", "max_steps": 20}


@pytest.fixture
def padded(tokenizer: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    own = copy.deepcopy(tokenizer)
    own.pad_token = own.eos_token
    return own


def test_weights_stored_in_bfloat16_become_float32_masters(
    make_run: MakeRun, llama: LlamaForCausalLM, padded: Any
) -> None:
    trained: Trained = train(job(make_run(**FULL), llama.to(torch.bfloat16), padded))
    assert {weight.dtype for weight in trained.model.parameters()} == {torch.float32}
    assert trained.changed is not None
    assert trained.changed > 0.9


def test_what_is_rounded_away_is_refused_by_measuring(
    make_run: MakeRun, llama: LlamaForCausalLM, padded: Any
) -> None:
    rounded = job(make_run(**FULL), llama, padded, weights="bfloat16")
    with pytest.raises(
        MlcDataError, match=r"[0-4]?\d\.\d% of the trained weights .* 20 steps"
    ) as refused:
        train(rounded)
    for way in ("align.weights: float32", "align.lora", "bf16_stochastic_round=True"):
        assert way in str(refused.value)


def test_a_recipe_may_ask_for_less(
    make_run: MakeRun, llama: LlamaForCausalLM, padded: Any, caplog: Any
) -> None:
    run = make_run(**FULL)
    trained = train(job(run, llama, padded, weights="bfloat16", min_changed=0.0))
    assert trained.changed is not None
    assert trained.changed < 0.5


def test_changes_that_the_checkpoints_type_loses_are_reported(
    make_run: MakeRun, llama: LlamaForCausalLM, padded: Any, caplog: pytest.LogCaptureFixture
) -> None:
    trained = train(job(make_run(**FULL), llama, padded))
    assert trained.changed_as_stored is not None
    assert trained.changed_as_stored < 0.5
    assert "since it is saved in bfloat16" in caplog.text


def test_adapters_are_held_in_float32(
    make_run: MakeRun, llama: LlamaForCausalLM, padded: Any
) -> None:
    run = make_run(lora={"r": 4}, dtype="bfloat16")
    trained = train(job(run, llama.to(torch.bfloat16), padded))
    types = {weight.dtype for weight in trained.model.parameters() if weight.requires_grad}
    assert types == {torch.float32}
    assert trained.changed_as_stored is None
