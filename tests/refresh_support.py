"""A source and a recipe that the tests of refreshing change, and what the engine was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support import put, write_jsonl

from mlc_data.execute import run_stage
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import StageResult
from mlc_data.pipeline.staging import Staging
from mlc_data.recipe.loading import parse_recipe
from mlc_data.refresh.refresh import Push, Refreshed, refresh
from mlc_data.stages import TRAINING
from mlc_data.translate.engines.base import Request
from mlc_data.translate.engines.ctranslate2 import Ct2Translator
from scripts.phrasebook import phrasebook

TEXTS = [one.text("eng_Latn") for one in phrasebook.combinations()]

# Every part of the phrasebook, not one request after another for the same thing.
SPREAD = [TEXTS[number * 7 % len(TEXTS)] for number in range(len(TEXTS))]

Rows = list[dict[str, Any]]


def rows_of(texts: Sequence[str], first: int = 0) -> Rows:
    """Rows of a source, each with a name of its own."""
    return [{"uid": first + number, "prompt": text} for number, text in enumerate(texts)]


@dataclass
class Project:
    """A source and a recipe that a test changes, and what the engine was asked by each stage."""

    folder: Path
    settings: dict[str, Any]
    asked: dict[str, list[Request]] = field(default_factory=dict)
    stage: str = ""
    did: list[str] = field(default_factory=list)
    training: bool = False
    """Whether the stages of training only write that they were there."""

    @property
    def run_dir(self) -> Path:
        return self.folder / "run"

    @property
    def run(self) -> Run:
        return Run.open(self.run_dir)

    def write(self, rows: Sequence[object]) -> None:
        write_jsonl(self.folder / "prompts.jsonl", rows)

    def refresh(self, push: Push | None = None, **sections: Any) -> Refreshed:
        """Refresh with some sections of the recipe changed; what was asked is counted anew."""
        for name, section in sections.items():
            self.settings[name] = {**self.settings.get(name, {}), **section}
        self.asked.clear()
        self.did.clear()
        return refresh(
            parse_recipe(self.settings, "test"), self.run_dir, do_stage=self._do, push=push
        )

    def _do(self, run: Run, name: str) -> bool:
        self.stage = name
        stand_in = self.training and name in TRAINING
        reused = _stand_in(run, name) if stand_in else run_stage(run, name)
        if not reused:
            self.did.append(name)
        return reused

    def forth(self, stage: str = "translate") -> list[tuple[str, str]]:
        """Sentences and languages that were translated out of English, in order."""
        found = [one for one in self.asked.get(stage, []) if one.target != "eng_Latn"]
        return sorted((one.text, one.target) for one in found)


def _stand_in(run: Run, name: str) -> bool:
    def work(staging: Staging) -> StageResult:
        staging.path(name, "done.txt").write_text(run.content_hash("sets"))
        return StageResult()

    return put(run, name, {"sets": run.content_hash("sets")}, (name,), work)


def open_project(
    folder: Path,
    small: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    rows: Sequence[object],
    **sections: Any,
) -> Project:
    """A project of the given rows whose engine notes what it is asked."""
    source = {"path": str(folder / "prompts.jsonl"), "columns": {"id": "uid"}}
    pairs = write_jsonl(
        folder / "pairs.jsonl", [{"prompt": "How?", "chosen": "No.", "rejected": "So."}]
    )
    small["sources"] = {
        "prompts": {**source, "licence": "CC-BY-4.0"},
        "preferences": {"path": str(pairs), "licence": "CC-BY-4.0"},
    }
    small["translate"]["cache"] = str(folder / "cache")
    for name, section in sections.items():
        small[name] = {**small.get(name, {}), **section}
    made = Project(folder, small)
    made.write(rows)
    real = Ct2Translator.translate

    def translate(self: Ct2Translator, requests: Sequence[Request], *rest: Any) -> Any:
        made.asked.setdefault(made.stage, []).extend(requests)
        return real(self, requests, *rest)

    monkeypatch.setattr(Ct2Translator, "translate", translate)
    return made
