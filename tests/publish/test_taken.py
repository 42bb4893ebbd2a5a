"""Rows of ``sets`` are taken as they are: by TRL's trainer, and by our alignment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from datasets import Dataset, load_dataset
from tiny_models import causal_lm, chat_tokenizer
from transformers import PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer

from mlc_data.consistency.encode import PromptFormat
from mlc_data.consistency.token_sets import tokenise_sets
from mlc_data.lm.prompt_format import select_pairs
from mlc_data.pipeline.run import Run
from mlc_data.publish.dataset import LicenseRequest
from mlc_data.publish.publication import to_folder


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = chat_tokenizer(chat_template=None)
    tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


@pytest.fixture
def rows(tmp_path: Path, finished: Callable[..., Run]) -> Dataset:
    to_folder(finished(), tmp_path / "out", LicenseRequest())
    return load_dataset(str(tmp_path / "out"), "sets", split="train", cache_dir=str(tmp_path / "c"))


@pytest.mark.integration
def test_trl_trains_on_the_rows_that_have_both_responses(
    tmp_path: Path, rows: Dataset, tokenizer: PreTrainedTokenizerFast
) -> None:
    causal_lm().save_pretrained(tmp_path / "model")
    taken = rows.filter(lambda row: row["chosen"] and row["rejected"])
    assert 0 < taken.num_rows < rows.num_rows
    settings = DPOConfig(
        output_dir=str(tmp_path / "trained"), max_steps=2, per_device_train_batch_size=2,
        report_to=[], save_strategy="no", use_cpu=True, logging_steps=1, bf16=False,
    )  # fmt: skip
    trainer = DPOTrainer(
        str(tmp_path / "model"), args=settings, train_dataset=taken, processing_class=tokenizer
    )
    trainer.train()
    losses = [one["loss"] for one in trainer.state.log_history if "loss" in one]
    assert len(losses) == 2
    assert all(0 < loss < 10 for loss in losses)


def test_our_alignment_takes_them(rows: Dataset, tokenizer: PreTrainedTokenizerFast) -> None:
    form = PromptFormat(tokenizer)
    languages = ("eng_Latn", "spa_Latn", "swh_Latn", "zho_Hans")
    sets = tokenise_sets(iter(rows), form, languages, 512)
    assert len(sets) == rows.num_rows
    taken = rows.filter(lambda row: row["chosen"] and row["rejected"])
    pairs, left_out = select_pairs(iter(taken), form, 512, frozenset())
    assert len(pairs) == taken.num_rows
    assert not left_out
