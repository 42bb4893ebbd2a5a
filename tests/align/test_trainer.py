"""The mixin on a trainer of one's own, as README shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from mlc_data.align import (
    Consistency,
    MLCTrainerMixin,
    MultilingualConsistencyLoss,
    PromptFormat,
    tokenise_sets,
)
from mlc_data.align.stopping import orderly_stop, request_stop, stop_requested
from mlc_data.errors import MlcDataError


def arguments(folder: Path) -> SFTConfig:
    return SFTConfig(
        output_dir=str(folder),
        max_steps=3,
        per_device_train_batch_size=2,
        logging_steps=1,
        use_cpu=True,
        bf16=False,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
    )


def test_three_lines_add_the_loss_to_supervised_fine_tuning(
    tmp_path: Path, llama: Any, tokenizer: Any
) -> None:
    class Trainer(MLCTrainerMixin, SFTTrainer):  # type: ignore[misc]
        pass

    row = {
        "prompt_id": "a",
        "prompt": "How?",
        "language": "eng_Latn",
        "variants": [{"language": "spa_Latn", "text": "¿Cómo?"}],
    }
    sets = tokenise_sets([row, row], PromptFormat(tokenizer), ("eng_Latn", "spa_Latn"), 60).rows
    loss = MultilingualConsistencyLoss(dimensions=8)
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]
    trainer = Trainer(
        model=llama,
        args=arguments(tmp_path),
        train_dataset=Dataset.from_list([{"messages": turns}] * 6),
        processing_class=tokenizer,
        consistency=Consistency(loss, sets, every=2, layer=3),
    )
    assert loss.extractor is not None
    before = loss.extractor.weight.detach().clone()
    trainer.train()
    logged = [row for row in trainer.state.log_history if "loss" in row]
    assert ["mlc/loss" in row for row in logged] == [True, False, True]
    assert not torch.equal(before, loss.extractor.weight)
    known = [id(p) for group in trainer.optimizer.param_groups for p in group["params"]]
    assert len(known) == len(set(known))
    assert {id(p) for p in loss.parameters()} <= set(known)


def test_no_sets_are_refused(tmp_path: Path, llama: Any, tokenizer: Any) -> None:
    class Trainer(MLCTrainerMixin, SFTTrainer):  # type: ignore[misc]
        pass

    with pytest.raises(MlcDataError, match="no variant sets"):
        Trainer(
            model=llama,
            args=arguments(tmp_path),
            train_dataset=Dataset.from_list([{"text": "Hi"}]),
            processing_class=tokenizer,
            consistency=Consistency(MultilingualConsistencyLoss(), []),
        )


def test_a_request_to_stop_lasts_for_one_training() -> None:
    request_stop()
    with orderly_stop():
        assert not stop_requested()
        request_stop()
        assert stop_requested()
    assert not stop_requested()
