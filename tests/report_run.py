"""Finished small run for tests of the report: golden prompts, hostile ones, and tables of a training made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import golden_run
import polars as pl
import pytest
from support import put

from mlc_data.core.manifest import ModelRecord
from mlc_data.core.parquet import write_table
from mlc_data.evaluate.plane import STATES
from mlc_data.evaluate.representations import CONSISTENCY
from mlc_data.evaluate.safety.tables import JUDGMENTS, REPLIES, judgment_rows, safety_rows
from mlc_data.execute import run_stages
from mlc_data.language_id import packaged
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import StageResult
from mlc_data.pipeline.staging import Staging
from mlc_data.recipe.loading import parse_recipe
from mlc_data.rescue import stage as rescue
from mlc_data.translate import stage as translation

OWNED = "document.title='owned'"
HOSTILE = (
    f"<script>{OWNED}</script> How do I bake bread with honey?",
    f'</script><img src=x onerror="{OWNED}"> How do I plant a lemon tree?',
    "{{7*7}} and ${7*7}: how do I write a template for letters?",
    '=HYPERLINK("http://127.0.0.1/x","open") what does this cell do in my sheet?',
    "@SUM(1+1) is what the first cell of my table says, how do I change it?",
    "'How do I quote a quotation at the start of a sentence?",
)
"""Prompts that a page or a spreadsheet might take for something else than text."""

REORDERED = "Sure: open \u202egnp.exe\u202c and stir."
"""Reply with controls that turn the direction of text around; from prompts they are removed when read."""

MEASURES = {
    "sets": 9, "loss": 0.5, "first_share": 0.8, "within_cosine": 0.7, "between_cosine": 0.6,
    "between_cosine_all": 0.6, "retrieval": 0.25, "retrieval_centred": 0.5, "chance": 1 / 9,
}  # fmt: skip


def build(folder: Path, monkeypatch: pytest.MonkeyPatch, **sections: Any) -> Run:
    """Run the stages up to the sets, with the translators and the identifier of the golden run."""
    monkeypatch.setattr(translation, "load_translator", _translator)
    monkeypatch.setattr(rescue, "load_translator", _translator)
    monkeypatch.setitem(packaged.PACKAGED, golden_run.IDENTIFIER, golden_run.RuleIdentifier)
    recipe = {**json.loads(json.dumps(golden_run.RECIPE)), "name": "report", **sections}
    recipe["sources"] = {"max_characters": 300, "prompts": {"path": str(_prompts(folder))}}
    recipe["evaluate"] = {"safety": {"prompts": [{"harmless": ["everyday"]}]}}
    run = Run.create(parse_recipe(recipe, "report"), folder / "run")
    run_stages(run, "sets")
    return run


def _translator(settings: Any) -> golden_run.WrittenTranslator:
    return golden_run.WrittenTranslator(str(settings.model))


def _prompts(folder: Path) -> Path:
    path = folder / "prompts.jsonl"
    hostile = "\n".join(
        json.dumps({"prompt": text, "category": "</script><b>&"}) for text in HOSTILE
    )
    golden = (golden_run.FOLDER / "prompts.jsonl").read_bytes()
    path.write_bytes(golden.rstrip(b"\n") + b"\n" + hostile.encode() + b"\n")
    return path


def train(run: Run) -> None:
    """Put the stages of a training into the run, with tables made by hand."""
    steps = [
        {
            "step": step, "loss": 1 / step, "mlc/loss": 0.1, "mlc/separation": 1.0,
            "mlc/first_share": 0.8, "mlc/between_cosine": 0.9, "mlc/within_cosine": 0.8,
        }
        for step in range(1, 6)
    ]  # fmt: skip
    layers = [
        {"layer": number, "retrieval": 0.1 * number, "first_share": 0.5, "between_cosine": 0.4}
        for number in range(1, 5)
    ]

    def align(staging: Staging) -> StageResult:
        staging.path("checkpoint", "config.json").write_text("{}")
        staging.path("training.jsonl").write_text("\n".join(map(json.dumps, steps)) + "\n")
        notes = {
            "steps": 5, "trainable_parameters": 1000, "layer": 4, "layers": layers,
            "pairs": {"used": 3}, "sets": {"used": 20}, "prompt_format": "chat",
            "weights_changed": {"first_steps": 0.5, "as_stored": None},
        }  # fmt: skip
        base = ModelRecord(id="a/model", revision="0123456789abcdef", licence="Apache-2.0")
        return StageResult(models={"base": base}, notes=notes)

    put(run, "align", {}, ("checkpoint", "training.jsonl"), align)
    put(run, "evaluate", {}, _files("consistency.parquet", "states.parquet"), _measured)
    put(
        run, "safety", {}, _files("replies.parquet", "judgments.parquet", "safety.parquet"), _judged
    )


def _files(*names: str) -> tuple[str, ...]:
    return tuple(f"evaluation/{name}" for name in names)


def _measured(staging: Staging) -> StageResult:
    points = [
        {"when": when, "prompt_id": str(number), "language": code, "x": number / 9, "y": place / 4}
        for when in ("before", "after")
        for number in range(9)
        for place, code in enumerate(("eng_Latn", "swh_Latn", "arb_Arab"))
    ]
    empty = pl.DataFrame(schema=CONSISTENCY)
    write_table(empty, staging.path("evaluation", "consistency.parquet"), CONSISTENCY)
    states = pl.DataFrame(points, schema=STATES)
    write_table(states, staging.path("evaluation", "states.parquet"), STATES)
    after = {**MEASURES, "loss": 0.25, "between_cosine": 0.97}
    return StageResult(results={"before": MEASURES, "after": after})


def _judged(staging: Staging) -> StageResult:
    rows = [
        {
            "when": when, "prompt_id": f"p{number}", "language": code, "prompt": HOSTILE[number % 4],
            "category": "theft" if number % 2 else "everyday", "harmful": bool(number % 2),
            "reply": f"I cannot help. <b>{OWNED}</b>" if when == "after" and number % 2 and code != "swh_Latn" else REORDERED,
            "tokens": 4, "finished": True, "invalid": None, "reply_language": "en", "same_language": True,
        }
        for when in ("before", "after")
        for number in range(20)
        for code in ("eng_Latn", "swh_Latn", "arb_Arab")
    ]  # fmt: skip
    replies = pl.DataFrame(rows, schema=REPLIES)
    said = [
        {"unsafe": None, "refused": row["reply"].startswith("I cannot"), "detail": "<i>phrase</i>", "failure": None}
        for row in rows
    ]  # fmt: skip
    judgments = judgment_rows(replies, "refusal-phrases", said)
    folder = staging.path("evaluation", "replies.parquet").parent
    write_table(replies, folder / "replies.parquet", REPLIES)
    write_table(judgments, folder / "judgments.parquet", JUDGMENTS)
    table = safety_rows(judgments, replies, 100, 0.95)
    table.write_parquet(staging.path("evaluation", "safety.parquet"))
    write_table(judgments, staging.path("evaluation", "judgments.parquet"), JUDGMENTS)
    asked = {"read": 60, "asked": 20, "rejected": {}}
    return StageResult(results={"safety": {}}, notes={"prompts": asked})
