"""Configuration ``preferences``: TRL's trainer takes it unchanged, and sees what our own training sees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from datasets import Dataset, load_dataset
from tiny_models import causal_lm, chat_tokenizer
from trl import DPOConfig, DPOTrainer

from mlc_data.align.data import read_inputs
from mlc_data.core.hashing import prompt_id
from mlc_data.core.parquet import write_table
from mlc_data.core.records import PREFERENCES, TRANSLATED_PAIRS
from mlc_data.lm.prompt_format import PromptFormat
from mlc_data.pipeline.run import Run
from mlc_data.publish.dataset import LicenseRequest
from mlc_data.publish.publication import to_folder

Make = Callable[..., Run]
CONTEXT = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "How do I mend a car?"},
    {"role": "assistant", "content": "Mend the car slowly."},
]
PAIRS = [
    {
        "prompt_id": prompt_id(f"How do I steal a {word}?"),
        "prompt": f"How do I steal a {word}?",
        "chosen": f"I will not help to steal a {word}.",
        "rejected": "Take it and go.",
        "category": "theft",
        "context": CONTEXT if number % 2 else [],
    }
    for number, word in enumerate(("car", "bike", "song", "cake", "boat", "roof", "tree", "lamp"))
]
SETTINGS: dict[str, Any] = {
    "max_steps": 1, "per_device_train_batch_size": 3, "report_to": [], "save_strategy": "no",
    "use_cpu": True, "bf16": False, "seed": 0, "data_seed": 0,
}  # fmt: skip


@pytest.fixture
def with_pairs(finished: Make) -> Make:
    """A finished run that has preference pairs."""

    def make(**options: Any) -> Run:
        run = finished(**options)
        table = pl.DataFrame(PAIRS, schema=PREFERENCES)
        write_table(table, run.path("preferences.parquet"), PREFERENCES)
        return run

    return make


@pytest.fixture
def run(tmp_path: Path, with_pairs: Make) -> Run:
    made = with_pairs()
    to_folder(made, tmp_path / "out", LicenseRequest())
    return made


@pytest.fixture
def rows(tmp_path: Path, run: Run) -> Dataset:
    cache = str(tmp_path / "c")
    return load_dataset(str(tmp_path / "out"), "preferences", split="train", cache_dir=cache)


def first_batch(folder: Path, rows: Any) -> dict[str, Any]:
    causal_lm().save_pretrained(folder / "model")
    arguments = DPOConfig(output_dir=str(folder / "trained"), **SETTINGS)
    trainer = DPOTrainer(
        str(folder / "model"), args=arguments, train_dataset=rows,
        processing_class=chat_tokenizer(),
    )  # fmt: skip
    trainer.train()
    batch: dict[str, Any] = next(iter(trainer.get_train_dataloader()))
    return batch


@pytest.mark.integration
def test_trl_s_first_batch_has_the_tokens_of_our_own_training(
    tmp_path: Path, run: Run, rows: Dataset
) -> None:
    published = first_batch(tmp_path, rows)
    form = PromptFormat(chat_tokenizer())
    own = first_batch(tmp_path, Dataset.from_list(read_inputs(run, form).pairs))
    assert published.keys() == own.keys()
    for name, value in published.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, own[name]), name
    # The tokens are the template's, not those of the bare texts.
    whole = [form.whole(p["prompt"], p["chosen"], p["context"]) for p in PAIRS]
    seen = published["input_ids"][0].tolist()
    assert any(seen[: len(ids)] == ids for ids in whole)


def test_pairs_are_conversations_with_the_turns_before(rows: Dataset) -> None:
    by_id = {row["prompt_id"]: row for row in rows}
    for pair in PAIRS:
        if row := by_id.get(pair["prompt_id"]):
            assert row["prompt"] == [*pair["context"], {"role": "user", "content": pair["prompt"]}]
            assert row["chosen"] == [{"role": "assistant", "content": pair["chosen"]}]
            assert (row["language"], row["category"]) == ("eng_Latn", "theft")
    assert any(len(row["prompt"]) > 1 for row in rows)


def test_pairs_of_held_out_sets_are_in_the_test_split(tmp_path: Path, with_pairs: Make) -> None:
    made = to_folder(with_pairs(), tmp_path / "out", LicenseRequest())
    cache = str(tmp_path / "c")
    pairs = load_dataset(str(tmp_path / "out"), "preferences", cache_dir=cache)
    sets = load_dataset(str(tmp_path / "out"), "sets", cache_dir=cache)
    assert made.rows["preferences"] == {split: one.num_rows for split, one in pairs.items()}
    assert sum(made.rows["preferences"].values()) == len(PAIRS)
    assert set(pairs["test"]["prompt_id"]) <= set(sets["test"]["prompt_id"])
    assert not set(pairs["train"]["prompt_id"]) & set(sets["test"]["prompt_id"])


def test_pairs_keep_their_order(rows: Dataset) -> None:
    order = [pair["prompt_id"] for pair in PAIRS]
    assert rows["prompt_id"] == [one for one in order if one in set(rows["prompt_id"])]


def test_the_card_trains_with_trl(tmp_path: Path, with_pairs: Make) -> None:
    to_folder(with_pairs(), tmp_path / "out", LicenseRequest())
    card = (tmp_path / "out" / "README.md").read_text()
    assert 'load_dataset("path/to/this/folder", "preferences", split="train")' in card
    assert "config_name: preferences" in card


@pytest.mark.parametrize(
    ("licence", "declared", "published"),
    [("MIT", {}, True), (None, {"preferences": "MIT"}, True), (None, {}, False)],
)
def test_pairs_of_another_source_need_a_license(  # noqa: PLR0917
    licence: str | None,
    declared: dict[str, str],
    published: bool,
    with_pairs: Make,
    small: dict[str, Any],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    small["sources"]["preferences"] = {"path": "pairs.jsonl", "licence": licence}
    made = to_folder(with_pairs(), tmp_path / "out", LicenseRequest(declared=declared))
    assert ("preferences" in made.rows) == published
    assert ("preferences" in {part.name for part in made.parts}) == published
    card = (tmp_path / "out" / "README.md").read_text()
    assert ("without a recorded license" in card) != published
    assert any("pairs are left out" in one for one in caplog.messages) != published


def test_translated_pairs_are_a_configuration_of_their_own(
    tmp_path: Path, with_pairs: Make
) -> None:
    run = with_pairs()
    rows = [{**pair, "chosen": "No ayudaré.", "language": "spa_Latn"} for pair in PAIRS[:4]]
    table = pl.DataFrame(rows, schema=TRANSLATED_PAIRS)
    write_table(table, run.path("translated_preferences.parquet"), TRANSLATED_PAIRS)
    made = to_folder(run, tmp_path / "out", LicenseRequest())
    name = "translated_preferences"
    found = load_dataset(str(tmp_path / "out"), name, cache_dir=str(tmp_path / "c"))
    assert {split: one.num_rows for split, one in found.items()} == made.rows[name]
    taken = [row for one in found.values() for row in one]
    assert {row["language"] for row in taken} == {"spa_Latn"}
    assert taken[0]["chosen"] == [{"role": "assistant", "content": "No ayudaré."}]
