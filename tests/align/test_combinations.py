"""The loss with gradient checkpointing, packing and torch.compile: each gives the figures of the plain training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from tiny_models import causal_lm
from trl import SFTConfig, SFTTrainer

from mlc_data.align import (
    Consistency,
    MLCTrainerMixin,
    MultilingualConsistencyLoss,
    PromptFormat,
    tokenise_sets,
)

pytestmark = pytest.mark.integration

COMBINATIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "checkpointing": {"gradient_checkpointing": True},
    "reentrant": {
        "gradient_checkpointing": True,
        "gradient_checkpointing_kwargs": {"use_reentrant": True},
    },
    "compiled": {"torch_compile": True, "torch_compile_backend": "aot_eager"},
    "packed": {"packing": True, "packing_strategy": "wrapped", "max_length": 40},
}
STEPS = 3


class Trainer(MLCTrainerMixin, SFTTrainer):  # type: ignore[misc]
    """Supervised fine-tuning with the consistency loss."""


@pytest.fixture(scope="module")
def trained(
    tokenizer: Any, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[list[dict[str, float]], dict[str, torch.Tensor]]]:
    """Log and weights of a training of each combination, from the same weights and data."""
    return {
        name: train(tmp_path_factory.mktemp(name), tokenizer, settings)
        for name, settings in COMBINATIONS.items()
    }


def train(
    folder: Path, tokenizer: Any, settings: dict[str, Any]
) -> tuple[list[dict[str, float]], dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    variants = [("spa_Latn", "¿Cómo {}?"), ("swh_Latn", "Vipi {}?")]
    rows = [
        {
            "prompt_id": word,
            "prompt": f"How {word}?",
            "language": "eng_Latn",
            "variants": [{"language": code, "text": text.format(word)} for code, text in variants],
        }
        for word in ("car", "song", "roof", "lamp")
    ]
    sets = tokenise_sets(rows, PromptFormat(tokenizer), ("eng_Latn", "spa_Latn", "swh_Latn"), 60)
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]
    common = {"gradient_checkpointing": False, "use_cpu": True, "bf16": False, "report_to": []}
    arguments = SFTConfig(
        output_dir=str(folder), max_steps=STEPS, per_device_train_batch_size=2, logging_steps=1,
        learning_rate=1e-3, lr_scheduler_type="constant", save_strategy="no", disable_tqdm=True,
        **{**common, **settings},
    )  # fmt: skip
    model = causal_lm()
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=Dataset.from_list([{"messages": turns}] * 6),
        processing_class=tokenizer,
        consistency=Consistency(
            MultilingualConsistencyLoss(dimensions=8), sets.rows, every=1, layer=3
        ),
    )
    trainer.train()
    logged = [row for row in trainer.state.log_history if "mlc/loss" in row]
    return logged, {name: value.detach().clone() for name, value in model.named_parameters()}


@pytest.mark.parametrize("name", [name for name in COMBINATIONS if name not in ("plain", "packed")])
def test_losses_are_those_of_the_plain_training(trained: Any, name: str) -> None:
    for figure in ("loss", "mlc/loss"):
        got = [row[figure] for row in trained[name][0]]
        wanted = [row[figure] for row in trained["plain"][0]]
        assert len(got) == STEPS
        assert got == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("name", [name for name in COMBINATIONS if name not in ("plain", "packed")])
def test_weights_are_those_of_the_plain_training(trained: Any, name: str) -> None:
    plain = trained["plain"][1]
    for parameter, value in trained[name][1].items():
        torch.testing.assert_close(value, plain[parameter], atol=1e-4, rtol=1e-3)


def test_packing_leaves_the_consistency_loss_as_it_is(trained: Any) -> None:
    packed, plain = (trained[name][0] for name in ("packed", "plain"))
    assert packed[0]["mlc/loss"] == pytest.approx(plain[0]["mlc/loss"], rel=1e-5)
    assert packed[-1]["mlc/loss"] < packed[0]["mlc/loss"]
