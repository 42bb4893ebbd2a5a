"""The stages of a small finished run, written by hand, and what the tests of publishing share."""

from __future__ import annotations

import io
import json
import subprocess
from typing import Any

import numpy as np
import polars as pl
from hub_state import LoopbackHub
from safetensors.numpy import save_file

from mlc_data.core.hashing import hash_rows, prompt_id
from mlc_data.core.manifest import ModelRecord
from mlc_data.core.parquet import write_table
from mlc_data.core.records import PROMPTS, VARIANTS
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import StageResult
from mlc_data.pipeline.staging import Staging
from mlc_data.publish.hub import Hub, Pushed
from mlc_data.publish.publication import PublishOptions, to_hub

REPO = "org/small"
WORDS = [
    "car",
    "bike",
    "song",
    "cake",
    "boat",
    "roof",
    "tree",
    "lamp",
    "coat",
    "door",
    "lock",
    "pan",
]
TARGETS = ["spa_Latn", "swh_Latn", "zho_Hans"]
SCORES = {"script_share": pl.Float64(), "length_ratio": pl.Float64()}


def ended(process: subprocess.Popen[str], code: int = 0, timeout: float = 600) -> tuple[str, str]:
    """What a process said, once it has ended with ``code``."""
    out, err = process.communicate(timeout=timeout)
    assert process.returncode == code, out + err
    return out, err


def prompt(word: str) -> str:
    return f"How do I steal a {word}?"


def prompts(staging: Staging, words: list[str], path: str) -> StageResult:
    rows = [
        {
            "prompt_id": prompt_id(prompt(word)), "prompt": prompt(word), "category": "theft",
            "chosen": None if number % 4 == 3 else f"I will not help to steal a {word}.",
            "rejected": None if number % 4 == 3 else f"Take the {word} and go.", "row": number,
        }
        for number, word in enumerate(words)
    ]  # fmt: skip
    write_table(pl.DataFrame(rows, schema=PROMPTS), staging.path("prompts.parquet"), PROMPTS)
    return StageResult(
        counts={"prompts": {"read": len(words), "kept": len(words), "rejected": {}}},
        content_hash={"prompts": hash_rows(rows)},
        notes={"prompts": path},
    )


def variants(staging: Staging, words: list[str], model: ModelRecord) -> StageResult:
    kept = {"spa_Latn": len(words), "swh_Latn": len(words) // 2, "zho_Hans": len(words)}
    rows = [
        {
            "prompt_id": prompt_id(prompt(word)), "language": code, "source": prompt(word),
            "text": f"{code}: ¿«{word}»? 怎么 'ok'", "back_translation": prompt(word),
            "rung": "first", "script_share": 0.1 + number, "length_ratio": None,
        }
        for number, word in enumerate(words) for code in TARGETS if number < kept[code]
    ]  # fmt: skip
    schema = {**VARIANTS, **SCORES}
    write_table(
        pl.DataFrame(rows, schema=schema), staging.path("variants", "variants.parquet"), schema
    )
    by_language = {
        code: {
            "requested": len(words), "kept": number,
            "rejected": {"script": len(words) - number} if number < len(words) else {},
        }
        for code, number in kept.items()
    }  # fmt: skip
    total = {
        "requested": 3 * len(words), "kept": len(rows),
        "rejected": {"script": 3 * len(words) - len(rows)},
    }  # fmt: skip
    return StageResult(
        counts={"variants": total, "by_language": by_language},
        content_hash={"variants": hash_rows(rows)},
        models={
            "translator": model,
            "language_identifier": ModelRecord(id="lid", revision="1", licence="CC-BY-SA-3.0"),
        },
    )


def checkpoint(staging: Staging) -> StageResult:
    from mlc_data.align.checkpoint import Card, render_card

    base = ModelRecord(id="/home/somebody/models/base", revision="r1", licence="apache-2.0")
    card = Card(
        name="small", recipe_hash="0", seed=1, base=base, content_hash={"sets": "1"},
        languages=["eng_Latn", *TARGETS], settings={"method": "dpo", "model": base.id},
        prompt_format="chat", training={"steps": 1}, versions={"mlc-data": "0"},
    )  # fmt: skip
    staging.path("checkpoint", "README.md").write_text(render_card(card))
    staging.path("checkpoint", "config.json").write_text(json.dumps({"model_type": "llama"}))
    save_file(
        {"w": np.arange(5000, dtype=np.float32)}, staging.path("checkpoint", "model.safetensors")
    )
    return StageResult(models={"base": base})


def push(run: Run, tries: int = 5, **options: Any) -> list[Pushed]:
    return to_hub(run, PublishOptions(REPO, **options), Hub(attempts=tries))


def rows_at(hub: LoopbackHub, config: str = "sets") -> int:
    files = hub.repo(REPO).head.files
    return sum(
        pl.read_parquet(io.BytesIO(data)).height
        for path, data in files.items()
        if path.startswith(f"{config}/")
    )
