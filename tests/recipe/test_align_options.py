"""Settings of TRL, transformers and PEFT in a recipe: what is passed on, what is refused and how."""

from __future__ import annotations

from typing import Any

import pytest

from mlc_data.errors import RecipeError
from mlc_data.recipe import align_options
from mlc_data.recipe.align import Align
from mlc_data.recipe.loading import load_recipe


def settings(**align: Any) -> Align:
    return Align.model_validate({"model": "x", **align})


@pytest.mark.parametrize(
    ("override", "line"),
    [
        (
            "align.training.lerning_rate=1",
            "did you mean 'learning_rate'? That is align.learning_rate",
        ),
        ("align.training.lr_schedular_type=x", "did you mean 'lr_scheduler_type'?"),
        ("align.training.optim=adafctor", "there is no 'adafctor'; did you mean 'adafactor'?"),
        ("align.training.weight_decay=much", "valid number"),
        (
            "align.training.learning_rate=1",
            "align.training.learning_rate: that is align.learning_rate",
        ),
        ("align.training.output_dir=x", "that is the run's folder"),
        ("align.training.loss_type=ipo", "that is align.dpo_loss"),
        ("align.training.push_to_hub=true", "that is `mlc-data publish`"),
        ("align.model_options.torch_dtype=x", "that is align.dtype"),
        ("align.model_options.attn_implementaton=sdpa", "did you mean 'attn_implementation'?"),
        ("align.model_options.trust_remote_code=true", "code is never run"),
        ("align.model_options.load_in_4bit=perhaps", "valid boolean"),
        ("align.lora.target_module=x", "did you mean 'target_modules'?"),
        ("align.lora.task_type=x", "decided by the pipeline"),
        ("align.report_to=[wndb]", "'tensorboard'"),
    ],
)
def test_a_wrong_setting_is_named_with_what_to_write(override: str, line: str) -> None:
    with pytest.raises(RecipeError) as refused:
        load_recipe("quickstart", [override])
    assert line in str(refused.value)


@pytest.mark.parametrize("method", ["dpo", "sft", "orpo", "simpo", "kto"])
def test_settings_of_the_trainer_in_its_types(method: str) -> None:
    given = {"lr_scheduler_type": "constant", "optim": "adafactor", "weight_decay": "1e-2"}
    batch = {"batch_size": 2}
    typed = align_options.training_options(
        method, settings(method=method, training=given, **batch).training
    )
    assert typed["weight_decay"] == 0.01


@pytest.mark.parametrize("method", ["dpo", "sft", "orpo", "simpo", "kto"])
def test_what_the_pipeline_sets_is_refused(method: str) -> None:
    from mlc_data.align.methods import method_of

    known = align_options._types(align_options.trainer_config(method))
    owned = {
        **align_options.OWNED_TRAINING,
        **align_options.OWNED_TRAINING_BY_METHOD.get(method, {}),
    }
    own = {"disable_dropout", "packing"}  # a user's to choose
    assert set(method_of(settings(method=method, batch_size=2)).settings) - own <= set(owned)
    assert {"learning_rate", "output_dir", "max_steps", "fsdp"} <= set(known) & set(owned)


def test_without_the_trainer_names_are_not_checked_but_ours_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(align_options, "trainer_config", lambda method: None)
    settings(training={"lerning_rate": 1})
    with pytest.raises(ValueError, match=r"align\.learning_rate"):
        settings(training={"learning_rate": 1})


def test_names_of_peft_are_ours_too() -> None:
    lora = settings(lora={"r": 8, "lora_alpha": 4, "lora_dropout": 0.1, "use_rslora": True}).lora
    assert lora is not None
    assert (lora.alpha, lora.dropout, lora.options) == (4, 0.1, {"use_rslora": True})
    with pytest.raises(ValueError, match="are one setting"):
        settings(lora={"alpha": 4, "lora_alpha": 8})


def test_updates_that_would_be_rounded_away_are_refused_with_three_ways_out() -> None:
    with pytest.raises(ValueError, match="rounded away") as refused:
        settings(weights="bfloat16", learning_rate=6e-7)
    for way in ("align.weights: float32", "align.lora", "bf16_stochastic_round=True"):
        assert way in str(refused.value)
    settings(weights="bfloat16", learning_rate=1e-4)
    stochastic = {"optim": "adamw_torch_8bit", "optim_args": "bf16_stochastic_round=True"}
    settings(weights="bfloat16", learning_rate=6e-7, training=stochastic)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"merge": False}, "goes with `lora`"),
        ({"weights": "bfloat16", "lora": {}}, "goes without `lora`"),
        ({"model_options": {"load_in_4bit": True}}, "4-bit weights cannot be trained"),
        ({"model_options": {"bnb_4bit_quant_type": "nf4"}, "lora": {}}, "goes with load_in_4bit"),
        ({"early_stopping": 2}, "needs evaluations"),
    ],
)
def test_settings_that_do_not_go_together(given: dict[str, Any], line: str) -> None:
    with pytest.raises(ValueError, match=line):
        settings(**given)


def test_quantised_weights_are_valid_without_bitsandbytes() -> None:
    options = {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
    assert settings(model_options=options, lora={"r": 16}).quantised == 4


def test_settings_at_their_defaults_do_not_change_a_finished_trainings_key() -> None:
    known = settings().determining()
    assert "training" not in known
    assert "min_changed" not in known
    assert settings(training={"optim": "adafactor"}).determining()["training"]
    assert settings(min_changed=0.1).determining() == known
