"""Rows of ``sets`` are taken as they are: by TRL's trainer, and by our alignment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from datasets import Dataset, load_dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
from trl import DPOConfig, DPOTrainer

from mlc_data.consistency.encode import PromptFormat
from mlc_data.lm.prompt_format import select_pairs, tokenise_sets
from mlc_data.pipeline.run import Run
from mlc_data.publish.dataset import LicenseRequest
from mlc_data.publish.publication import to_folder


@pytest.fixture
def tokenizer() -> PreTrainedTokenizerFast:
    letters = ["<end>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    inner = Tokenizer(models.BPE({token: i for i, token in enumerate(letters)}, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<end>", pad_token="<end>")


@pytest.fixture
def rows(tmp_path: Path, finished: Callable[..., Run]) -> Dataset:
    to_folder(finished(), tmp_path / "out", LicenseRequest())
    return load_dataset(str(tmp_path / "out"), "sets", split="train", cache_dir=str(tmp_path / "c"))


@pytest.mark.integration
def test_trl_trains_on_the_rows_that_have_both_responses(
    tmp_path: Path, rows: Dataset, tokenizer: PreTrainedTokenizerFast
) -> None:
    torch.manual_seed(0)
    network = LlamaForCausalLM(
        LlamaConfig(vocab_size=257, hidden_size=16, intermediate_size=16, num_hidden_layers=1,
                    num_attention_heads=2, num_key_value_heads=2, eos_token_id=0, bos_token_id=None)
    )  # fmt: skip
    network.save_pretrained(tmp_path / "model")
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
