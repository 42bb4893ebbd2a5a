"""The stage that measures what alignment costs: perplexity of given text, and tasks of lm-evaluation-harness."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

from mlc_data.core.extras import install_command, is_installed
from mlc_data.core.files import write_text
from mlc_data.core.hashing import hash_file
from mlc_data.core.manifest import BASE
from mlc_data.core.paths import source_file
from mlc_data.errors import SourceError, UsageError
from mlc_data.evaluate.models import aligned_stage, models_to_compare
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import Stage, StageResult
from mlc_data.pipeline.staging import Staging
from mlc_data.recipe.evaluate import Utility
from mlc_data.recipe.sources import Source
from mlc_data.sources.readers import Wanted, open_source

log = logging.getLogger(__name__)

KEY = "evaluate.utility"


def check_harness(settings: Utility) -> None:
    """Check that lm-evaluation-harness is installed if tasks are named.

    Raises:
        UsageError: it is not installed.
    """
    if settings.tasks and not is_installed("lm_eval"):
        raise UsageError(
            f"{KEY}.tasks names {', '.join(settings.tasks)}, but lm-evaluation-harness is not installed: "
            f"{install_command('lm_eval')}"
        )


class UtilityStage(Stage):
    """Measure perplexity on text and tasks of lm-evaluation-harness: ``evaluation/utility.json``.

    With neither text nor tasks in the recipe nothing is written.

    Raises:
        UsageError: nothing has been aligned yet, or tasks are named and the harness is missing.
        SourceError: the text cannot be read.
    """

    name = "utility"
    command = "evaluate"
    help = (
        "Measure before and after alignment: held-out variant sets, replies to prompts in many languages and "
        "judgments of them, perplexity."
    )
    reads = ("checkpoint",)
    writes: ClassVar = {"evaluation/utility.json": "perplexity and tasks"}
    models = (BASE,)
    results = ("utility",)

    def preflight(self, run: Run) -> None:
        """Check that the text and the harness exist.

        Raises:
            UsageError: tasks are named and the harness is missing.
            SourceError: the text is missing.
        """
        settings = run.recipe.evaluate.utility
        check_harness(settings)
        if settings.text:
            source_file(settings.text, f"{KEY}.text")

    def key(self, run: Run) -> dict[str, Any]:
        """See `Stage.key`."""
        settings, aligned = run.recipe.evaluate.utility, aligned_stage(run)
        text = hash_file(source_file(settings.text, f"{KEY}.text")) if settings.text else None
        return {
            "utility": settings.model_dump(mode="json"),
            "text": text,
            "align": [aligned.key, aligned.outputs],
        }

    def work(self, run: Run, staging: Staging) -> StageResult:
        """See `Stage.work`."""
        settings = run.recipe.evaluate.utility
        check_harness(settings)
        if settings.text is None and not settings.tasks:
            return StageResult()
        path = source_file(settings.text, f"{KEY}.text") if settings.text else None
        texts = read_texts(path, settings) if path else []
        results: dict[str, Any] = {}
        for when, (location, revision) in models_to_compare(run).items():
            results[when] = {}
            if texts:
                figures = asdict(self.measure(run, location, revision, texts))
                results[when]["text"] = figures
                log.info("evaluate: %s: perplexity %.4g", when, figures["perplexity"])
            if settings.tasks:
                results[when]["tasks"] = self.run_tasks(run, location, revision)
        write_text(staging.path("evaluation", "utility.json"), json.dumps(results, indent=2) + "\n")
        return StageResult(results={"utility": results})

    def measure(self, run: Run, location: str, revision: str | None, texts: Sequence[str]) -> Any:
        """Return a dataclass with ``perplexity`` of a model on texts."""
        from mlc_data.lm.loading import load_on_device, quiet
        from mlc_data.lm.perplexity import perplexity

        with quiet():
            return perplexity(*load_on_device(location, revision, run.recipe.align.dtype), texts)

    def run_tasks(
        self, run: Run, location: str, revision: str | None
    ) -> dict[str, dict[str, float]]:
        """Return the figures of each task of lm-evaluation-harness."""
        from mlc_data.lm.harness import run_tasks_at

        settings = run.recipe.evaluate.utility
        return run_tasks_at(
            location, revision, settings.tasks, settings.task_limit, dtype=run.recipe.align.dtype
        )


def read_texts(path: Path, settings: Utility) -> list[str]:
    """Return the paragraphs of a .txt file, or the column of a table.

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
        opened = open_source(Source(path=str(path)), f"{KEY}.text", Wanted(settings.column))
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
