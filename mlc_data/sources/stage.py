"""The first stage: English prompts and preference pairs, checked row by row.

Every row of a source becomes a prompt or is written to ``rejected/prompts.parquet`` under the
first reason that applies; pairs likewise, to ``rejected/preferences.parquet``.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import polars as pl

from mlc_data.core.hashing import RowsHash, hash_rows
from mlc_data.core.parquet import TableWriter, read_parts, write_table
from mlc_data.core.records import (
    IDENTITY,
    PREFERENCES,
    PROMPTS,
    REJECTED_PROMPTS,
    Preference,
    Prompt,
    RejectedPrompt,
    content_of_row,
)
from mlc_data.core.wording import in_words
from mlc_data.errors import SourceError
from mlc_data.language_id.base import LanguageIdentifier
from mlc_data.language_id.loading import load_identifier
from mlc_data.pipeline.run import Run
from mlc_data.pipeline.stage import Stage, StageResult
from mlc_data.pipeline.staging import Staging
from mlc_data.recipe.recipe import Recipe
from mlc_data.recipe.sources import Source
from mlc_data.sources.decontaminate import EvaluationSet, open_evaluations
from mlc_data.sources.preferences import read_preferences, require_pairs
from mlc_data.sources.prompts import AT_ONCE, PromptReader, content_of
from mlc_data.sources.readers import named_files, open_source
from mlc_data.sources.rows import OpenSource, Wanted

__all__ = ["SourcesStage", "require_pairs"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Opened:
    """Everything that the stage reads, opened but not read yet."""

    prompts: OpenSource
    pairs: OpenSource | None
    identifier: LanguageIdentifier | None
    evaluations: tuple[EvaluationSet, ...]

    @classmethod
    def of(cls, recipe: Recipe) -> _Opened:
        sources = recipe.sources
        locations = recipe.checks.language_identifiers
        return cls(
            prompts=_open(sources.prompts, "sources.prompts"),
            pairs=_open(sources.preferences, "sources.preferences")
            if sources.preferences
            else None,
            identifier=load_identifier(locations[0]) if locations else None,
            evaluations=tuple(open_evaluations(sources, recipe.languages.source)),
        )

    @property
    def identity(self) -> dict[str, Any]:
        """Contents of the sources, for the key and the manifest."""
        return {
            "prompts": self.prompts.identity,
            "preferences": self.pairs.identity if self.pairs else None,
            "decontaminate": [each.identity for each in self.evaluations],
        }


def _open(source: Source, key: str) -> OpenSource:
    return open_source(source, key, Wanted.of(source.columns, source.where))


class SourcesStage(Stage):
    """Read prompts and pairs into the run's folder.

    Raises:
        SourceError: a file or dataset cannot be read, or nothing in it can be used.
        ModelError: the language identifier is missing.
    """

    name = "sources"
    command = "sources"
    help = "Read prompts and pairs; rows that cannot be used are rejected with a reason."
    writes: ClassVar = {
        "prompts.parquet": "prompts",
        "preferences.parquet": "preference pairs",
        "rejected/prompts.parquet": "rejected prompts",
        "rejected/preferences.parquet": "rejected pairs",
    }
    content: ClassVar = {"prompts.parquet": "prompts", "preferences.parquet": "preferences"}
    counts = ("prompts", "preferences")
    version: ClassVar[int] = 4

    def preflight(self, run: Run) -> None:
        """Check that the files exist.

        Raises:
            SourceError: a file is missing.
        """
        sources = run.recipe.sources
        for key in ("prompts", "preferences"):
            source = getattr(sources, key)
            if source and source.paths:
                named_files(source, f"sources.{key}")
        open_evaluations(sources, run.recipe.languages.source)

    def key(self, run: Run) -> dict[str, Any]:
        """See `Stage.key`."""
        opened = _Opened.of(run.recipe)
        return {
            # A declared license does not change what is read.
            "sources": run.recipe.sources.model_dump(
                mode="json", exclude={"prompts": {"licence"}, "preferences": {"licence"}}
            ),
            "language": run.recipe.languages.source,
            "identifier": opened.identifier.revision if opened.identifier else None,
            **opened.identity,
        }

    def work(self, run: Run, staging: Staging) -> StageResult:
        """See `Stage.work`."""
        opened, recipe = _Opened.of(run.recipe), run.recipe
        prompts, pairs = opened.prompts, opened.pairs
        language, evaluations = recipe.languages.source, opened.evaluations
        reader = PromptReader(prompts, recipe.sources, language, opened.identifier, evaluations)
        counts, content = _write_prompts(reader, staging)
        if not counts["kept"]:
            raise SourceError(
                f"{prompts.name}: no row can be used as a prompt: {in_words(counts['rejected'])}"
            )
        paired = reader.pairs.read
        if pairs and (settings := recipe.sources.preferences):
            _warn_of_unused_pairs(len(paired.kept), pairs)
            paired = read_preferences(
                pairs, settings, recipe.sources.max_characters, language, evaluations
            )
        for name, frame, schema in (
            ("preferences.parquet", _frame(paired.kept, PREFERENCES), PREFERENCES),
            ("rejected/preferences.parquet", _frame(paired.rejected), REJECTED_PROMPTS),
        ):
            write_table(frame, staging.path(name), schema)
        log.info("sources: %d prompts kept of %d rows, %d pairs of %d", counts["kept"], counts["read"],
                 len(paired.kept), paired.read)  # fmt: skip
        return StageResult(
            counts={"prompts": counts, "preferences": paired.counts},
            content_hash={
                "prompts": content,
                "preferences": hash_rows(content_of_row(asdict(pair)) for pair in paired.kept),
            },
            notes={
                "prompts": prompts.name,
                "preferences": pairs.name if pairs else prompts.name,
                IDENTITY: opened.identity,
            },
        )


def _write_prompts(reader: PromptReader, staging: Staging) -> tuple[dict[str, Any], str]:
    """Write the tables of prompts and of rejected rows; return the manifest's counts and the content hash."""
    kept, reasons, content = 0, Counter[str](), RowsHash()
    later: dict[str, Preference] = {}
    read = staging.path("prompts.parquet.read")
    with (
        TableWriter(read, PROMPTS) as prompts,
        TableWriter(staging.path("rejected/prompts.parquet"), REJECTED_PROMPTS) as rejected,
    ):
        for batch in reader.batches():
            prompts.write(_frame(batch.kept, PROMPTS))
            rejected.write(_frame(batch.rejected))
            kept += len(batch.kept)
            reasons.update(str(row.reason) for row in batch.rejected)
            later |= batch.paired
    with TableWriter(staging.path("prompts.parquet"), PROMPTS) as prompts:
        for part in read_parts(read, PROMPTS, AT_ONCE):
            rows = part.to_dicts()
            for row in rows:
                if pair := later.get(row["prompt_id"]):
                    row.update(chosen=pair.chosen, rejected=pair.rejected)
                content.add_row(content_of(row))
            prompts.write(pl.DataFrame(rows, schema=PROMPTS) if later else part)
    read.unlink()
    counts = {"read": reader.read, "kept": kept, "rejected": dict(sorted(reasons.items()))}
    return counts, content.hexdigest()


def _warn_of_unused_pairs(unused: int, pairs: OpenSource) -> None:
    if unused:
        log.warning(
            "sources: %d rows of the prompts have a chosen and a rejected response, which are not used, since "
            "sources.preferences names %s; --set sources.preferences=null uses them", unused, pairs.name,
        )  # fmt: skip


def _frame(
    records: Sequence[Prompt | Preference | RejectedPrompt],
    schema: dict[str, pl.DataType] = REJECTED_PROMPTS,
) -> pl.DataFrame:
    return pl.DataFrame([asdict(record) for record in records], schema=schema)
