"""The stage that measures what alignment costs: perplexity on given text, tasks of others."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict
from importlib import util
from pathlib import Path
from typing import Any, Protocol

from mlc_data.core.hashing import code_version, hash_file
from mlc_data.core.paths import source_file
from mlc_data.errors import SourceError, UsageError
from mlc_data.pipeline.run import Outcome, Run, Staging, write_text
from mlc_data.recipe.evaluate import Utility
from mlc_data.recipe.recipe import Source
from mlc_data.sources.readers import open_source

log = logging.getLogger(__name__)

KEY = "evaluate.utility"

Measure = Callable[[str, str | None, Sequence[str]], Any]
"""Given a model's location and revision and texts: a dataclass with ``perplexity``."""


class RunTasks(Protocol):
    """Runs tasks of lm-evaluation-harness."""

    def __call__(
        self, location: str, revision: str | None, tasks: Sequence[str], limit: int | None
    ) -> dict[str, dict[str, float]]:
        """By task, its figures."""


def check_harness(settings: Utility) -> None:
    """Look whether lm-evaluation-harness is there if tasks are named.

    Raises:
        UsageError: it is not.
    """
    if settings.tasks and util.find_spec("lm_eval") is None:
        raise UsageError(
            f"{KEY}.tasks names {', '.join(settings.tasks)}, but lm-evaluation-harness is not installed: "
            "pip install lm-eval"
        )


def measure_utility(
    run: Run, *, measure: Measure, run_tasks: RunTasks, force: bool = False
) -> bool:
    """Write ``evaluation/utility.json``; returns whether the stage was reused. With neither text nor tasks
    in the recipe nothing is written.

    Raises:
        UsageError: nothing has been aligned yet, or tasks are named and the harness is missing.
        SourceError: the text cannot be read.
    """
    settings = run.recipe.evaluate.utility
    aligned = run.manifest.stages.get("align")
    if aligned is None or not run.path("checkpoint").is_dir():
        raise UsageError(f"{run.folder} has no checkpoint yet: run the align stage first")
    check_harness(settings)
    path = source_file(settings.text, f"{KEY}.text") if settings.text else None
    key = {
        "utility": settings.model_dump(mode="json"),
        "text": hash_file(path) if path else None,
        "align": [aligned.key, aligned.outputs],
        "code": code_version("evaluate/utility.py", "align/perplexity.py"),
    }

    def work(staging: Staging) -> Outcome:
        if path is None and not settings.tasks:
            return Outcome()
        texts = read_texts(path, settings) if path else []
        base = run.recipe.align
        results: dict[str, Any] = {}
        for when, location, revision in (
            ("before", base.model, base.revision),
            ("after", str(run.path("checkpoint")), None),
        ):
            results[when] = {}
            if texts:
                results[when]["text"] = asdict(measure(location, revision, texts))
                log.info("evaluate: %s: perplexity %.4g", when, results[when]["text"]["perplexity"])
            if settings.tasks:
                results[when]["tasks"] = run_tasks(
                    location, revision, settings.tasks, settings.task_limit
                )
        write_text(staging.path("evaluation", "utility.json"), json.dumps(results, indent=2) + "\n")
        return Outcome(results={"utility": results})

    return run.stage("utility", key, ("evaluation/utility.json",), work, force=force)


def read_texts(path: Path, settings: Utility) -> list[str]:
    """Paragraphs of a .txt file, or the column of a table.

    Raises:
        SourceError: it is not UTF-8, there is no such column, or no text.
    """
    if path.suffix == ".txt":
        try:
            parts = path.read_text(encoding="utf-8").split("\n\n")
        except UnicodeDecodeError as error:
            raise SourceError(
                f"{KEY}.text: {path} is not UTF-8 (byte {error.start + 1})"
            ) from error
        texts = [part.strip() for part in parts if part.strip()]
    else:
        texts = []
        opened = open_source(Source(path=str(path)), f"{KEY}.text")
        for raw in opened.rows():
            value = (raw.record or {}).get(settings.column)
            if not isinstance(value, str):
                raise SourceError(
                    f"{KEY}.text: {path}, {raw.where} has no text in column {settings.column!r}; name "
                    f"another with {KEY}.column"
                )
            texts.append(value)
    texts = [text for text in texts if text.strip()][: settings.limit]
    if not texts:
        raise SourceError(f"{KEY}.text: {path} has no text")
    return texts
