"""A tiny Llama with a byte tokenizer, and runs that it can be aligned in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from support import put
from tiny_models import causal_lm, chat_tokenizer, save_causal_lm
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from mlc_data.core.hashing import hash_rows, prompt_id
from mlc_data.core.parquet import write_table
from mlc_data.core.records import PREFERENCES, SETS
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import StageResult
from mlc_data.pipeline.staging import Staging
from mlc_data.recipe.loading import parse_recipe

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
    return chat_tokenizer()


@pytest.fixture
def llama() -> LlamaForCausalLM:
    return causal_lm()


@pytest.fixture(scope="session")
def tiny_for_all(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder that several tests only read."""
    return save_causal_lm(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A model's folder with a licence."""
    return save_causal_lm(tmp_path / "tiny", licence="mit")


@pytest.fixture
def make_run(tmp_path: Path, small: dict[str, Any], tiny: Path) -> Callable[..., Run]:
    """Make a run as `alignable_run` does, by its name and settings."""

    def make(name: str = "run", **settings: Any) -> Run:
        return alignable_run(tmp_path / name, tiny, small, **settings)

    return make


def alignable_run(
    folder: Path,
    model: Path,
    recipe: dict[str, Any],
    *,
    loss: dict[str, Any] | None = None,
    **align: Any,
) -> Run:
    """Make a run with eight train sets, two test sets and ten pairs, ready to be aligned.

    Args:
        folder: of the run.
        model: folder of the base model.
        recipe: changed here: gets its seed and its section ``align``.
        loss: settings of ``align.loss``.
        align: other settings of ``align``.
    """
    recipe["seed"] = 3
    recipe["align"] = {
        "model": str(model),
        "max_steps": 6,
        "batch_size": 2,
        "learning_rate": 1e-3,
        "max_length": 200,
        "lora": {"r": 4, "dropout": 0.1},
        "loss": {"every": 2, "sets_per_step": 3, "dimensions": 16, "layer": 2, **(loss or {})},
        **align,
    }
    run = Run.create(parse_recipe(recipe, "test"), folder)
    sets, pairs = tables()
    with run.locked():
        put(run, "sets", {}, ("sets", "preferences.parquet"), lambda s: fill(s, sets, pairs))
    return run


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
