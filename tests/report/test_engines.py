"""Engines side by side in the summary."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from mlc_data.core.manifest import Manifest, StageRecord
from mlc_data.report.engines import engine_tables

LLM = {"deu_Latn": {"next: declined": 2, "next: answered": 1, "translated": 7}}
LOCAL = {"deu_Latn": {"translated": 2, "output_limit": 1}, "swh_Latn": {"translated": 10}}
USED = {"requests": 10, "tokens in": 1200, "tokens out": 500, "cost in millionths": 2_500_000}


def shown(**engines: Any) -> list[list[str]]:
    """Words of each line of the tables."""
    record = StageRecord.model_construct(notes={"engines": engines} if engines else {})
    manifest = Manifest.model_construct(stages={"translate": record})
    console = Console(width=160)
    with console.capture() as captured:
        for part in engine_tables(manifest):
            console.print(part)
    return [line.split() for line in captured.get().splitlines()]


@pytest.mark.parametrize(
    "row",
    [
        ["deu_Latn", "llm", "7", "3", "0", "declined", "2,", "answered", "1"],
        ["deu_Latn", "local", "2", "0", "1", "output_limit", "1"],
        ["swh_Latn", "local", "10", "0", "0"],
        ["llm", "10", "1,200", "500", "2.50"],
    ],
    ids=["fallback", "failed", "alone", "usage"],
)
def test_each_engine_has_a_row_a_language(row: list[str]) -> None:
    assert row in shown(llm={**LLM, **USED}, local=LOCAL)


def test_an_engine_that_is_alone_is_not_shown() -> None:
    assert shown() == []
