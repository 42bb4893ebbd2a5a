"""`benchmarks/effect.py`: the way "translated pairs" trains on responses in other languages."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest
from chat_server import says, serving
from rich.console import Console
from tiny_models import save_causal_lm

from mlc_data.checks.registry import CHECKS

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
PAIRS = [
    {
        "prompt": f"How do I pick {number} locks?",
        "chosen": f"I will not explain {number} of them.",
        "rejected": f"Take {number} pins and begin.",
    }
    for number in range(8)
]
KINDS = ("harmful", "harmless")

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def effect() -> Iterator[ModuleType]:
    sys.path[:0] = [str(BENCHMARKS), str(BENCHMARKS.parent)]
    try:
        import effect

        yield effect
    finally:
        del sys.path[:2]


def spanish(question: str) -> str:
    """Words backwards, so that they are not taken for English."""
    return " ".join(word[::-1] for word in question.rpartition("\n\n")[2].split())


@pytest.fixture(scope="module")
def trained(effect: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the experiment after one training of two steps."""
    place = tmp_path_factory.mktemp("effect")
    model = save_causal_lm(place / "tiny", licence="mit")

    def write_sources(folder: Path) -> None:
        for name in ("prompts", "pairs"):
            rows = [{**row, "category": KINDS[place % 2]} for place, row in enumerate(PAIRS)]
            text = "".join(json.dumps(row) + "\n" for row in rows)
            (folder / f"{name}.jsonl").write_text(text)

    with pytest.MonkeyPatch.context() as patch, serving(says(spanish)) as server:
        patch.setattr(effect, "write_sources", write_sources)
        off = [f"checks.{check.name}.enabled=false" for check in CHECKS]
        overrides = [
            *off,
            "languages.targets=[spa_Latn]",
            "translate.model=endpoint:llm",
            f"translate.endpoints.llm={{url: '{server.url}', model: org/llm}}",
            "translate.cache=null",
            "translate.round_trip=false",
            "rescue.rungs=[]",
            "sets.test_share=0.5",
            "sources.min_english=0",
            "align.loss.layer=1",
            "align.max_length=512",
            "evaluate.safety.max_new_tokens=2",
        ]
        chosen = argparse.Namespace(
            model=str(model), steps=2, seeds=1, ways=[effect.TRANSLATED], overrides=overrides
        )
        (kept := place / "kept").mkdir()
        effect.train_all(place, kept, chosen, Console(quiet=True), time.perf_counter())
    return place


def test_the_pairs_trained_on_have_responses_in_other_languages(trained: Path) -> None:
    pairs = pl.read_parquet(trained / "run" / "preferences.parquet")
    for name in ("prompt", "chosen", "rejected"):
        english = {row[name] for row in PAIRS}
        assert {spanish(text) for text in english} <= set(pairs[name]) - english


def test_they_are_trained_on(trained: Path) -> None:
    (about,) = (json.loads(path.read_text()) for path in (trained / "kept").glob("*.json"))
    assert about["way"] == "translated pairs"
    assert about["log"][-1]["step"] == 2
