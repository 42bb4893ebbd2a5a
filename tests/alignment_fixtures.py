"""A tiny Llama with a byte tokenizer, and runs that it can be aligned in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from support import put
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from mlc_data.core.hashing import hash_rows, prompt_id
from mlc_data.core.parquet import write_table
from mlc_data.core.records import PREFERENCES, SETS
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import StageResult
from mlc_data.pipeline.staging import Staging
from mlc_data.recipe.loading import parse_recipe

CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TARGETS = ["spa_Latn", "swh_Latn", "zho_Hans"]
WORDS = ["car", "bike", "song", "cake", "boat", "roof", "tree", "lamp", "coat", "door"]


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Sums come out the same in every process, and so small a model is quicker so."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    special = ["<|im_start|>", "<|im_end|>"]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    inner = Tokenizer(models.BPE({token: i for i, token in enumerate(special + letters)}, []))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    made = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|im_end|>")
    made.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    made.chat_template = CHAT
    return made


@pytest.fixture
def llama() -> LlamaForCausalLM:
    return new_llama()


@pytest.fixture(scope="session")
def tiny_for_all(tmp_path_factory: pytest.TempPathFactory, tokenizer: Any) -> Path:
    """A model's folder that several tests only read."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    new_llama().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def new_llama() -> LlamaForCausalLM:
    torch.manual_seed(0)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=260,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=4,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=512,
            initializer_range=0.2,
            bos_token_id=None,
            eos_token_id=1,
        )
    )


@pytest.fixture
def tiny(tmp_path: Path, llama: Any, tokenizer: Any) -> Path:
    """A model's folder with a licence."""
    folder = tmp_path / "tiny"
    llama.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Tiny\n")
    return folder


@pytest.fixture
def make_run(tmp_path: Path, small: dict[str, Any], tiny: Path) -> Callable[..., Run]:
    """A run with eight train sets, two test sets and ten pairs, ready to be aligned."""

    def make(name: str = "run", *, loss: dict[str, Any] | None = None, **align: Any) -> Run:
        small["seed"] = 3
        small["align"] = {
            "model": str(tiny),
            "max_steps": 6,
            "batch_size": 2,
            "learning_rate": 1e-3,
            "max_length": 200,
            "lora": {"r": 4, "dropout": 0.1},
            "loss": {"every": 2, "sets_per_step": 3, "dimensions": 16, "layer": 2, **(loss or {})},
            **align,
        }
        run = Run.create(parse_recipe(small, "test"), tmp_path / name)
        sets, pairs = tables()
        with run.locked():
            put(run, "sets", {}, ("sets", "preferences.parquet"), lambda s: fill(s, sets, pairs))
        return run

    return make


def tables() -> tuple[pl.DataFrame, pl.DataFrame]:
    sets, pairs = [], []
    for number, word in enumerate(WORDS):
        prompt = f"How do I mend a {word}?"
        texts = [f"{word} ¿cómo?", f"{word} vipi", f"怎么{word}"]
        variants = [
            {"language": code, "text": text} for code, text in zip(TARGETS, texts, strict=True)
        ]
        row = {"prompt_id": prompt_id(prompt), "prompt": prompt, "category": None}
        sets.append(
            {
                **row,
                "language": "eng_Latn",
                "chosen": None,
                "rejected": None,
                "variants": variants[: 3 - number % 2],
                "missing": TARGETS[3 - number % 2 :],
            }
        )
        pairs.append({**row, "chosen": f"Mend the {word} slowly.", "rejected": "I cannot help."})
    return pl.DataFrame(sets, schema=SETS), pl.DataFrame(pairs, schema=PREFERENCES)


def fill(staging: Staging, sets: pl.DataFrame, pairs: pl.DataFrame) -> StageResult:
    write_table(sets[:8], staging.path("sets", "train-00000-of-00001.parquet"), SETS)
    write_table(sets[8:], staging.path("sets", "test-00000-of-00001.parquet"), SETS)
    write_table(pairs, staging.path("preferences.parquet"), PREFERENCES)
    return StageResult(
        content_hash={
            "sets": hash_rows(sets.iter_rows(named=True)),
            "preferences": hash_rows(pairs.iter_rows(named=True)),
        }
    )
