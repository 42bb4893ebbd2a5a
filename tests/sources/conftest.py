"""Sources of any format, read without starting a run's later stages."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mlc_data.execute import run_stage
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import parse_recipe

ReadFile = Callable[..., "Outcome"]


@dataclass(frozen=True)
class Outcome:
    """Tables and figures of the stage `sources`."""

    run: Run

    @property
    def prompts(self) -> list[str]:
        return self.column("prompts.parquet", "prompt")

    @property
    def pairs(self) -> list[tuple[str, str, str]]:
        table = pl.read_parquet(self.run.path("preferences.parquet"), glob=False)
        return list(table.select("prompt", "chosen", "rejected").iter_rows())

    @property
    def prompt_counts(self) -> dict[str, Any]:
        assert self.run.manifest.counts.prompts
        return self.run.manifest.counts.prompts.model_dump()

    @property
    def pair_counts(self) -> dict[str, Any]:
        assert self.run.manifest.counts.preferences
        return self.run.manifest.counts.preferences.model_dump()

    def column(self, table: str, name: str) -> list[Any]:
        return pl.read_parquet(self.run.path(table), glob=False)[name].to_list()


@pytest.fixture
def read_file(tmp_path: Path, small: dict[str, Any]) -> ReadFile:
    """Write a file (rows as JSON lines, text, or bytes), and read it as the source of prompts."""

    def read(content: object, name: str = "p.jsonl", **settings: Any) -> Outcome:
        path = tmp_path / name
        if isinstance(content, list):
            content = "".join(json.dumps(row) + "\n" for row in content)
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else str(content).encode())
        small["sources"]["prompts"] = {"path": str(path), **settings}
        small["checks"] = {"language_identifiers": []}
        run = Run.create(parse_recipe(small, "test"), tmp_path / f"run-{name}")
        run_stage(run, "sources", force=False)
        return Outcome(run)

    return read
