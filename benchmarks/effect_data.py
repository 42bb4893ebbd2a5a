"""Prompts and pairs of the experiment `effect.py`, from the quickstart's phrasebook."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from mlc_data.core.hashing import prompt_id
from mlc_data.core.parquet import read_parquet
from mlc_data.core.records import Split
from mlc_data.variant_sets import split_of
from scripts.phrasebook import phrasebook
from scripts.phrasebook.build_prompts import refusal_and_answer

TEST_SHARE = 0.3
TEST_ACTIONS = 12  # of each kind, harmful and harmless
TEST_FRAMES, TRAIN_FRAMES = 2, 3


def chosen_combinations() -> dict[Split, list[phrasebook.Combination]]:
    """Prompts to train on and to ask: no action is in both, and each prompt's id puts it in its split."""
    found: dict[Split, list[phrasebook.Combination]] = {Split.TRAIN: [], Split.TEST: []}
    for harm in ("harmful", "harmless"):
        actions = [one for one in phrasebook.actions() if one.harm == harm]
        actions.sort(key=lambda one: prompt_id(one.id))
        for number, action in enumerate(actions):
            split = Split.TEST if number < TEST_ACTIONS else Split.TRAIN
            wanted = TEST_FRAMES if split is Split.TEST else TRAIN_FRAMES
            fitting = [
                one
                for one in (phrasebook.Combination(f, action) for f in phrasebook.frames())
                if split_of(prompt_id(one.text(phrasebook.ENGLISH)), TEST_SHARE) == split
            ]
            fitting.sort(key=lambda one: prompt_id(one.text(phrasebook.ENGLISH)))
            found[split] += fitting[:wanted]
    return found


def write_sources(place: Path) -> None:
    """``prompts.jsonl``: all prompts; ``pairs.jsonl``: English pairs on those to train on."""
    combinations = chosen_combinations()
    prompts, pairs = [], []
    for split, rows in combinations.items():
        for one in rows:
            text = one.text(phrasebook.ENGLISH)
            prompts.append({"prompt": text, "category": one.action.harm})
            if split is Split.TRAIN:
                pairs.append({"prompt": text, **refusal_and_answer(one)})
    for name, table in (("prompts", prompts), ("pairs", pairs)):
        lines = "".join(json.dumps(row) + "\n" for row in table)
        (place / f"{name}.jsonl").write_text(lines, encoding="utf-8")


def write_english_responses(built: Path, place: Path) -> None:
    """``every-language.jsonl``: the prompts to train on in every language, with the English pair."""
    pairs = {
        row["prompt"]: row
        for row in pl.read_ndjson((place / "pairs.jsonl").read_bytes()).to_dicts()
    }
    lines = []
    for row in pl.read_parquet(
        sorted((built / "sets").glob("train-*.parquet")), glob=False
    ).to_dicts():
        pair = pairs[row["prompt"]]
        for text in (row["prompt"], *(each["text"] for each in row["variants"])):
            lines.append(json.dumps({**pair, "prompt": text}) + "\n")
    (place / "every-language.jsonl").write_text("".join(lines), encoding="utf-8")


def write_translated_pairs(built: Path, place: Path) -> None:
    """``translated.jsonl``: the English pairs, and those in other languages whose prompt and responses passed.

    Raises:
        SystemExit: no pair was translated.
    """
    pairs = read_parquet(built / "translated_preferences.parquet")
    if pairs.is_empty():
        raise SystemExit(
            "translated pairs: no pair passed the checks: the phrasebook translates no responses, so name "
            "another translator with --set translate.model=..."
        )
    lines = [json.dumps(row) for row in pairs.select("prompt", "chosen", "rejected").to_dicts()]
    english = (place / "pairs.jsonl").read_text(encoding="utf-8")
    (place / "translated.jsonl").write_text(english + "\n".join(lines) + "\n", encoding="utf-8")
