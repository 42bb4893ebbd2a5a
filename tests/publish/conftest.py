"""A finished run made by hand, a loopback Hub, and the client pointed at it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import published_run
import pytest
from hub_server import running
from hub_state import TOKEN, LoopbackHub
from support import put

from mlc_data.core.manifest import ModelRecord
from mlc_data.execute import run_stage
from mlc_data.pipeline.run import Run
from mlc_data.recipe.loading import parse_recipe

REPOSITORY = Path(__file__).parent.parent.parent


@pytest.fixture
def hub() -> Iterator[LoopbackHub]:
    with running() as server:
        yield server


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nobody waits; instead the seconds are noted."""
    noted: list[float] = []
    monkeypatch.setattr("time.sleep", noted.append)
    return noted


@pytest.fixture
def client(hub: LoopbackHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In this process the Hub's client has the loopback Hub, a token, and no Xet."""
    from huggingface_hub import constants

    template = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setenv("HF_TOKEN", TOKEN)


@pytest.fixture
def child(hub: LoopbackHub, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start Python in a process of its own, with the Hub as a user sets it up."""

    def start(code: str, *arguments: str) -> subprocess.Popen[str]:
        own = {
            "HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_OFFLINE": "0", "HF_HOME": str(tmp_path / "hf-home"), "NO_COLOR": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "PYTHONPATH": str(REPOSITORY),
        }  # fmt: skip
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments], text=True, cwd=tmp_path,
            env={**os.environ, **own}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    return start


@pytest.fixture
def mlc_data(
    child: Callable[..., subprocess.Popen[str]],
) -> Callable[..., subprocess.Popen[str]]:
    """Start the command line."""

    def start(*arguments: str) -> subprocess.Popen[str]:
        return child("from mlc_data.cli.main import main; main()", *arguments)

    return start


@pytest.fixture
def finished(tmp_path: Path, small: dict[str, Any]) -> Callable[..., Run]:
    """A run with sets, variants and a checkpoint; each option changes what it would be."""

    def make(
        words: list[str] = published_run.WORDS,
        *,
        name: str = "run",
        licence: str | None = "CC-BY-4.0",
        translator: str = "CC-BY-NC-4.0",
        path: str = "/home/somebody/secret/prompts.jsonl",
        shard_rows: int = 3,
        checkpoint: bool = False,
    ) -> Run:
        small["sources"]["prompts"] = {"path": path, "licence": licence}
        small["sets"] = {"shard_rows": shard_rows, "test_share": 0.3}
        run = Run.create(parse_recipe(small, "test"), tmp_path / name)
        model = ModelRecord(
            id="/home/somebody/models/nllb-ct2", revision="abc123", licence=translator
        )
        with run.locked():
            put(
                run,
                "sources",
                {},
                ("prompts.parquet",),
                lambda s: published_run.prompts(s, words, path),
            )
            put(run, "check", {}, ("variants",), lambda s: published_run.variants(s, words, model))
            run_stage(run, "sets")
            if checkpoint:
                put(run, "align", {}, ("checkpoint",), published_run.checkpoint)
        return run

    return make
